import { isFault, messageOf } from "#base/fault.ts";
import { sleep } from "#base/timers.ts";
import type { NodeDeps } from "./node-deps.ts";

const runtimeWaitMs = 500;

/** Waits for the runtime. */
export async function runtimeVersion(
  { cri, timers, log }: NodeDeps,
  endpoint: string,
  signal: AbortSignal,
): Promise<{ name: string; version: string }> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      const { runtimeName, runtimeVersion: version } = await cri.runtime.version({ version: "v1" }, signal);
      return { name: runtimeName, version };
    } catch (error) {
      if (signal.aborted) throw error;
      if (isFirst) log.warn("waiting for the container runtime", { endpoint, reason: messageOf(error) });
      await sleep(timers, runtimeWaitMs, signal);
    }
  }
}

/** The runtime gives pods addresses of the range that the node has been given. */
export function tellPodCidr(
  { cri, log }: NodeDeps,
  signal: AbortSignal,
): (node: { readonly spec?: { readonly podCIDR?: string } }) => void {
  let told = "";
  return ({ spec }) => {
    const podCidr = spec?.podCIDR ?? "";
    if (podCidr === "" || podCidr === told) return;
    told = podCidr;
    cri.runtime
      .updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr } } }, signal)
      .catch((error: unknown) => {
        told = "";
        if (!signal.aborted && !isFault(error, "not-implemented"))
          log.warn("the runtime does not take the pods' addresses", { error: messageOf(error) });
      });
  };
}
