import { createHash } from "node:crypto";
import type { FileNode } from "./tree.ts";
import type { LayerEntry } from "./layer-plan.ts";

/**
 * What the content of a layer is, names, kinds, modes, owners, attributes and bytes, but not its times: copying the same again
 * gives the same digest. Hexadecimal.
 */
export function digestOfEntries(entries: readonly LayerEntry[]): string {
  const hash = createHash("sha256");
  const names = new Map<FileNode, string>();
  for (const { path, node, mode, uid, gid } of entries) {
    const fields: (string | number)[] = [node.kind, path, mode, uid, gid];
    if (node.kind === "symlink") fields.push(node.target);
    if (node.kind === "file") {
      const first = names.get(node);
      if (first === undefined) names.set(node, path);
      fields.push(node.sha256, first ?? "");
    }
    for (const [name, value] of [...(node.xattrs ?? [])].sort(([left], [right]) => (left < right ? -1 : 1)))
      fields.push(name, Buffer.from(value).toString("hex"));
    hash.update(`${JSON.stringify(fields)}\n`);
  }
  return hash.digest("hex");
}
