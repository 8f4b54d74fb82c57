import { join } from "node:path";
import { existsSync } from "node:fs";
import { criClient } from "#rpc/cri-client.ts";
import type { EngineOptions } from "../context.ts";

/** Stops all pods of the engine, which forgets them; resolves to their UIDs. */
export async function stopPods(
  { root, run }: EngineOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const socket = join(run, "cri.sock");
  // An engine that never had any need not open what it has for them.
  if (!existsSync(join(root, "cri")) || !existsSync(socket)) return [];
  await using cri = criClient(socket);
  const { items } = await cri.runtime.listPodSandbox({}, signal);
  await Promise.all(
    items.map(async ({ id = "" }) => {
      await cri.runtime.stopPodSandbox({ podSandboxId: id }, signal);
      await cri.runtime.removePodSandbox({ podSandboxId: id }, signal);
    }),
  );
  return items.map(({ metadata }) => metadata?.uid ?? "");
}
