import { type BigIntStats, readdirSync, statfsSync } from "node:fs";
import type { ByteText } from "#oci/tar/entry.ts";
import { lstatOf } from "./layer-writer.ts";
import { codeOf, fsPath } from "./paths.ts";
import type { TarOut } from "./tar-out.ts";

/** proc, sysfs, cgroup, cgroup2, devpts, mqueue, bpf, debugfs, tracefs, securityfs: not files, however much they look it. */
const pseudo = new Set([
  0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x19800202, 0xcafe4a11, 0x64626720, 0x74726163,
  0x73636673,
]);

/** Names in a folder, in the order of their bytes; none when it vanished. */
export function namesIn(disk: ByteText): readonly ByteText[] {
  try {
    return readdirSync(fsPath(disk), "latin1").sort();
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}

/**
 * Adds a tree to the archive, parents first and names in order, so that equal trees give equal archives. `disk` and `name` are
 * without a slash at the end; empty for the root. Of file systems that only pretend to be one, the folder alone is added.
 */
export function addTree(out: TarOut, disk: ByteText, name: ByteText): void {
  const top = lstatOf(disk === "" ? "/" : disk);
  if (top === undefined) return;
  const open: { disk: ByteText; name: ByteText; stat: BigIntStats }[] = [{ disk, name, stat: top }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { stat } = next;
    if (next.name !== "") out.add(next.disk === "" ? "/" : next.disk, next.name, stat);
    if (!stat.isDirectory()) continue;
    if (stat.dev !== top.dev && pseudo.has(statfsSync(fsPath(next.disk)).type)) continue;
    for (const child of namesIn(next.disk === "" ? "/" : next.disk).toReversed()) {
      const path = `${next.disk}/${child}`;
      const childStat = lstatOf(path);
      const childName = next.name === "" ? child : `${next.name.replace(/\/$/, "")}/${child}`;
      if (childStat !== undefined) open.push({ disk: path, name: childName, stat: childStat });
    }
  }
}
