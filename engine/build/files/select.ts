import { posix } from "node:path";
import { Fault } from "#base/fault.ts";
import { byteText, shown } from "#engine/snapshots/rooted/paths.ts";
import { PathPattern } from "#oci/dockerfile/path-pattern.ts";
import { type Found, findNode, type FolderNode, nodesBelow } from "./tree.ts";

/** Something that COPY or ADD takes: what stands at `name`, which links may have led to. */
export interface Selected extends Found {
  /** As it was asked for, or as a wildcard matched it: its last part names a copied file. */
  readonly name: string;
}

/** A source's path, relative to the root: `/a//b/` is `a/b`. @throws {Fault} `invalid` when it leads out */
export function cleanSource(source: string): string {
  const clean = posix.normalize(source === "" ? "." : source);
  if (clean === ".." || clean.startsWith("../"))
    throw new Fault("invalid", `forbidden path outside the build context: ${source} ()`);
  return posix.join("/", clean).slice(1).replace(/\/$/, "");
}

export function hasWildcards(source: string): boolean {
  return /[*?[\\]/.test(source);
}

/**
 * What a source means in a tree: one thing, or everything that its wildcards match; `**` is any number of folders.
 *
 * @throws {Fault} `not-found` for a plain path without anything there
 */
export function selectNodes(root: FolderNode, source: string): readonly Selected[] {
  const clean = cleanSource(source);
  if (!hasWildcards(clean)) {
    const found = findNode(root, byteText(clean));
    if (found === undefined) throw missing(source);
    return [{ ...found, name: clean }];
  }
  return matching(root, clean, new PathPattern(clean));
}

function matching(root: FolderNode, pattern: string, test: PathPattern): readonly Selected[] {
  const selected: Selected[] = [];
  // Without `**` nothing deeper than the pattern can match, and nothing beside its plain beginning.
  const plain = pattern.split("/").findIndex(hasWildcards);
  const start = pattern.split("/").slice(0, plain).join("/");
  const from = findNode(root, byteText(start));
  if (from?.node.kind !== "folder") return [];
  for (const { path, node } of nodesBelow(from.node, byteText(start))) {
    const name = shown(path);
    if (!test.matches(name)) continue;
    const target = node.kind === "symlink" ? findNode(root, path) : { path, node };
    if (target === undefined) throw missing(name);
    selected.push({ ...target, name });
  }
  return selected;
}

export function missing(source: string): Fault {
  const clean = source.replace(/^\/+/, "");
  return new Fault(
    "not-found",
    `file not found in build context or excluded by .dockerignore: stat ${clean}: file does not exist`,
  );
}
