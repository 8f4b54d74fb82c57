import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { instanceName, serviceNames } from "#base/instance-name.ts";
import { hasLink, removeLinks } from "#host/link/bridge.ts";
import { removeCgroup, removeEmptyCgroup } from "#host/cgroup/tree.ts";
import { readHostFacts } from "#host/facts.ts";
import { mountsBelow } from "#host/mounts.ts";
import type { EngineOptions } from "../context.ts";

/**
 * Takes away what a node leaves in the kernel when its pods are gone: their volumes' mounts, their cgroups, and the way to services.
 *
 * @param pods UIDs of those that ran
 */
export async function removeNode({ root }: EngineOptions, pods: readonly string[]): Promise<void> {
  const volumes = join(root, "cluster", "node", "pods");
  for (const path of mountsBelow(volumes).toReversed()) if (path !== volumes) run("umount", [path]);
  const { table, link } = serviceNames(instanceName(root));
  run("nft", [`add table ip ${table}; delete table ip ${table}`]);
  if (hasLink(link)) await removeLinks([link]);
  removeCgroups(pods);
}

/** Those above the pods' are other instances' too: they stay while they are not empty. */
function removeCgroups(pods: readonly string[]): void {
  const { cgroup } = readHostFacts();
  const tiers = ["/kubepods/besteffort", "/kubepods/burstable", "/kubepods"];
  for (const tier of tiers) for (const uid of pods) removeCgroup(cgroup, `${tier}/pod${uid}`);
  for (const tier of tiers) removeEmptyCgroup(cgroup, tier);
}

/** What is not there need not be taken away. */
function run(program: string, words: readonly string[]): void {
  try {
    execFileSync(program, words, { stdio: "ignore" });
  } catch {
    // It is in use, or gone: the next `gantry down` finds what is left.
  }
}
