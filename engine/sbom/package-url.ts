import type { Distribution, Package } from "./package.ts";

/**
 * The package URL of a package.
 *
 * @see package-url/purl-spec 1.0, "Rules to build each purl component", and the types deb, apk, rpm, npm, pypi and golang
 */
export function packageUrl(found: Package, distribution: Distribution | undefined): string {
  const { kind, name, version } = found;
  switch (kind) {
    case "deb":
    case "apk":
      return `pkg:${kind}/${encode(distribution?.id ?? (kind === "deb" ? "debian" : "alpine"))}/${encode(name)}@${encode(version)}${qualifiers(found, distribution)}`;
    case "rpm": {
      const [, epoch, rest = version] = /^(\d+):(.*)$/s.exec(version) ?? [];
      return `pkg:rpm/${encode(distribution?.id ?? "rpm")}/${encode(name)}@${encode(rest)}${qualifiers(found, distribution, epoch)}`;
    }
    case "npm":
    case "golang":
      return `pkg:${kind}/${name.split("/").map(encode).join("/")}@${encode(version)}`;
    case "pypi":
      return `pkg:pypi/${encode(name)}@${encode(version)}`;
    default:
      return kind satisfies never;
  }
}

/** Sorted by their names, as the specification asks. */
function qualifiers(
  { architecture, source }: Package,
  distribution: Distribution | undefined,
  epoch?: string,
): string {
  const distro =
    distribution === undefined
      ? undefined
      : [distribution.id, distribution.versionId].filter(Boolean).join("-");
  const upstream = source && [source.name, source.version].join("@");
  const given = Object.entries({ arch: architecture, distro, epoch, upstream }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return given.length === 0 ? "" : `?${given.map(([key, value]) => `${key}=${encode(value)}`).join("&")}`;
}

/** Letters, digits and `.-_~:` stand as they are. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%3A", ":");
}
