import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { instanceName } from "#base/instance-name.ts";
import { hasLink, removeLinks } from "#host/link/bridge.ts";
import type { EngineOptions } from "../context.ts";

/** Takes away what a node leaves in the kernel when its pods are gone: their volumes' mounts, and the way to services. */
export async function removeNode({ root }: EngineOptions): Promise<void> {
  const volumes = join(root, "cluster", "node", "pods");
  for (const path of mountsBelow(volumes).toReversed()) run("umount", [path]);
  const name = instanceName(root);
  const table = `${name.replaceAll("-", "_")}_services`;
  run("nft", [`add table ip ${table}; delete table ip ${table}`]);
  const link = name.replace("gantry", "gsvc");
  if (hasLink(link)) await removeLinks([link]);
}

/** In the order in which they were made. @see proc(5), /proc/pid/mountinfo */
function mountsBelow(folder: string): readonly string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) =>
      (line.split(" ")[4] ?? "").replaceAll(/\\(\d{3})/g, (_, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 8)),
      ),
    )
    .filter((path) => path.startsWith(`${folder}/`));
}

/** What is not there need not be taken away. */
function run(program: string, words: readonly string[]): void {
  try {
    execFileSync(program, words, { stdio: "ignore" });
  } catch {
    // It is in use, or gone: the next `gantry down` finds what is left.
  }
}
