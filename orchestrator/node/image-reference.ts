/** The registry an image's name means, as credentials are looked up by; and the rest of the name. */
export function splitImage(image: string): { readonly registry: string; readonly path: string } {
  const slash = image.indexOf("/");
  const first = slash < 0 ? "" : image.slice(0, slash);
  if (first.includes(".") || first.includes(":") || first === "localhost")
    return { registry: first, path: image.slice(slash + 1) };
  return { registry: "index.docker.io", path: slash < 0 ? `library/${image}` : image };
}

/** The policy that holds where a pod names none: the newest is asked for always, unless a tag or a digest says which. */
export function pullPolicyOf(container: {
  readonly image?: string;
  readonly imagePullPolicy?: string;
}): string {
  if (container.imagePullPolicy !== undefined) return container.imagePullPolicy;
  const { path } = splitImage(container.image ?? "");
  if (path.includes("@")) return "IfNotPresent";
  const tag = /:([^:/]+)$/.exec(path)?.[1];
  return tag === undefined || tag === "latest" ? "Always" : "IfNotPresent";
}

/** With the tag that a name without one means. */
export function withTag(image: string): string {
  const { path } = splitImage(image);
  return path.includes("@") || /:[^:/]+$/.test(path) ? image : `${image}:latest`;
}
