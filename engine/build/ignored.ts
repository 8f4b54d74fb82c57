import { byteText, shown } from "#engine/snapshots/rooted/paths.ts";
import { type IgnoreRules, parseDockerignore } from "#oci/dockerfile/ignore.ts";
import type { FolderNode } from "./files/tree.ts";
import { contextText } from "./sources.ts";

/** Takes out of a context that was fetched what its `.dockerignore`, or the Dockerfile's own, says. @throws {Fault} `invalid` */
export function removeIgnored(root: FolderNode, dockerfile: string): void {
  const text = contextText(root, `${dockerfile}.dockerignore`) ?? contextText(root, ".dockerignore");
  if (text !== undefined) removeBelow(root, "", parseDockerignore(text));
}

function removeBelow(folder: FolderNode, prefix: string, rules: IgnoreRules): void {
  for (const [name, node] of folder.children) {
    const path = `${prefix}${shown(name)}`;
    const isIgnored = rules.ignores(path);
    if (node.kind === "folder" && (!isIgnored || rules.hasExceptions)) {
      removeBelow(node, `${path}/`, rules);
      if (isIgnored && node.children.size === 0) folder.children.delete(name);
    } else if (isIgnored) folder.children.delete(name);
  }
}

/**
 * Of a context that a client sent, which has left out what is ignored already: the Dockerfile and `.dockerignore` come along even
 * when they are ignored, for the builder alone.
 */
export function hideBuildFiles(root: FolderNode, dockerfile: string): void {
  const text = contextText(root, ".dockerignore");
  if (text === undefined) return;
  const rules = parseDockerignore(text);
  for (const name of [".dockerignore", dockerfile])
    if (!name.includes("/") && rules.ignores(name)) root.children.delete(byteText(name));
}
