import { isRepositoryName } from "./names.ts";
import { refusal } from "./refusal.ts";

/** What a path stands for. `reference` is a tag or a digest and was not looked at yet, nor was `digest`. */
export type Resource =
  | { readonly kind: "base" }
  | { readonly kind: "catalog" }
  | { readonly kind: "blob"; readonly name: string; readonly digest: string }
  | { readonly kind: "uploads"; readonly name: string }
  | { readonly kind: "upload"; readonly name: string; readonly id: string }
  | { readonly kind: "manifest"; readonly name: string; readonly reference: string }
  | { readonly kind: "tags"; readonly name: string }
  | { readonly kind: "referrers"; readonly name: string; readonly digest: string };

/** Longer than any path with a name of 255 characters can be. */
const MAX_PATH_LENGTH = 1024;

/** Names may contain the words of the paths, so they are read from the end. */
const patterns: readonly (readonly [RegExp, (name: string, last: string) => Resource])[] = [
  [/^(.+)\/blobs\/uploads\/?()$/, (name) => ({ kind: "uploads", name })],
  [/^(.+)\/blobs\/uploads\/([^/]+)$/, (name, id) => ({ kind: "upload", name, id })],
  [/^(.+)\/blobs\/([^/]+)$/, (name, digest) => ({ kind: "blob", name, digest })],
  [/^(.+)\/manifests\/([^/]+)$/, (name, reference) => ({ kind: "manifest", name, reference })],
  [/^(.+)\/tags\/list()$/, (name) => ({ kind: "tags", name })],
  [/^(.+)\/referrers\/([^/]+)$/, (name, digest) => ({ kind: "referrers", name, digest })],
];

/**
 * Finds what a path, without its query, stands for; undefined when the specification has no such path.
 *
 * @throws {Fault} `NAME_INVALID` for a name that no repository can have
 * @see OCI distribution-spec v1.1.1, endpoints
 */
export function findResource(path: string): Resource | undefined {
  if (path === "/v2" || path === "/v2/") return { kind: "base" };
  if (path === "/v2/_catalog") return { kind: "catalog" };
  const rest = path.startsWith("/v2/") && path.length <= MAX_PATH_LENGTH ? decoded(path.slice(4)) : undefined;
  if (rest === undefined) return undefined;
  for (const [pattern, make] of patterns) {
    const [, name, last = ""] = pattern.exec(rest) ?? [];
    if (name === undefined) continue;
    if (!isRepositoryName(name))
      throw refusal("NAME_INVALID", `invalid repository name: ${name.slice(0, 300)}`);
    return make(name, last);
  }
  return undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
