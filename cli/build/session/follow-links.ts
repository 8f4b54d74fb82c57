import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { posix } from "node:path";
import { PathPattern } from "#oci/dockerfile/path-pattern.ts";

/** Symbolic links on the way of one path; Linux follows no more either. */
const maxLinks = 255;

/**
 * The paths themselves, and what the symbolic links in them lead to. Links never lead out of the folder: its top is their root. An
 * empty path is the top.
 *
 * @param paths may have wildcards
 * @see github.com/tonistiigi/fsutil, followlinks.go
 */
export function followLinks(top: string, paths: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const path of paths) follow(top, posix.join("/", path), found, 0);
  return [...found].sort();
}

function follow(top: string, path: string, found: Set<string>, depth: number): void {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length === 0) return void found.add("");
  let here: readonly string[] = [""];
  for (const [at, part] of parts.entries()) {
    const rest = parts.slice(at + 1);
    here = here
      .flatMap((folder) => namesLike(top, folder, part))
      .flatMap((one) => {
        const target = linkTarget(top, one);
        if (target === undefined) return [one];
        found.add(one);
        if (depth < maxLinks) follow(top, posix.join(target, ...rest), found, depth + 1);
        return [];
      });
  }
  for (const one of here) found.add(one);
}

/** Paths that a part with wildcards stands for; the part itself when it has none. */
function namesLike(top: string, folder: string, part: string): readonly string[] {
  const join = (name: string) => (folder === "" ? name : `${folder}/${name}`);
  if (!/[*?[\\]/.test(part)) return [join(part)];
  try {
    const pattern = new PathPattern(part.replaceAll("**", "*"));
    const names = readdirSync(`${top}/${folder}`).filter((name) => pattern.matches(name));
    return names.length === 0 ? [join(part)] : names.map(join);
  } catch {
    return [join(part)];
  }
}

/** Where a link leads, as a path from the top. */
function linkTarget(top: string, path: string): string | undefined {
  try {
    if (!lstatSync(`${top}/${path}`).isSymbolicLink()) return undefined;
    return posix.join("/", posix.resolve(`/${posix.dirname(path)}`, readlinkSync(`${top}/${path}`)));
  } catch {
    return undefined;
  }
}
