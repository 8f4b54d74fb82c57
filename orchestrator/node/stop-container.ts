import type { LifecycleHandler, Pod } from "#api/kube/types/core-pods.ts";
import { messageOf } from "#base/fault.ts";
import { annotationOf } from "./labels.ts";
import { runHook } from "./lifecycle-hook.ts";
import { type NodeDeps, tellPod } from "./node-deps.ts";
import { findContainer, isSidecar } from "./pod.ts";
import type { RuntimeContainer, RuntimePod } from "./runtime-pod.ts";
import { unlessGone } from "./unless-gone.ts";

/** A stop gets at least this long after its hook. */
const leastGraceMs = 2_000;
/** What a runtime may take beyond the grace. */
const extraMs = 120_000;

export interface StopRequest {
  readonly pod: Pod;
  readonly container: RuntimeContainer;
  readonly podIp: string;
  readonly message: string;
  readonly graceMs: number;
}

/** Runs the preStop hook, then stops the container: the hook's time counts. Fine when it has ended already. */
export async function stopContainer(
  deps: NodeDeps,
  request: StopRequest,
  signal: AbortSignal,
): Promise<void> {
  const { pod, container, graceMs } = request;
  tellPod(deps, pod, container.name, "Normal", "Killing", request.message);
  const begunMs = deps.timers.now();
  if (graceMs > 0) await preStop(deps, request, signal);
  const leftMs = graceMs === 0 ? 0 : Math.max(leastGraceMs, graceMs - (deps.timers.now() - begunMs));
  const limit = AbortSignal.any([signal, AbortSignal.timeout(leftMs + extraMs)]);
  const stop = { containerId: container.id, timeout: Math.ceil(leftMs / 1000) };
  await unlessGone(deps.cri.runtime.stopContainer(stop, limit));
}

async function preStop(deps: NodeDeps, request: StopRequest, signal: AbortSignal): Promise<void> {
  const { pod, container, podIp, graceMs } = request;
  const hook = hookOf(pod, container);
  const spec = findContainer(pod, container.name)?.spec ?? { name: container.name };
  if (hook === undefined) return;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(graceMs)]);
  try {
    const input = { cri: deps.cri, timers: deps.timers, container: spec, containerId: container.id, podIp };
    await runHook(input, hook, limit);
  } catch (error) {
    signal.throwIfAborted();
    deps.log.info("a preStop hook failed", {
      pod: pod.metadata.uid,
      container: container.name,
      reason: messageOf(error),
    });
    tellPod(deps, pod, container.name, "Warning", "FailedPreStopHook", "PreStopHook failed");
  }
}

function hookOf(pod: Pod, container: RuntimeContainer): LifecycleHandler | undefined {
  const found = findContainer(pod, container.name);
  if (found !== undefined) return found.spec.lifecycle?.preStop;
  const kept = container.annotations[annotationOf.preStop];
  return kept === undefined ? undefined : (JSON.parse(kept) as LifecycleHandler);
}

/** Stops all of a pod: its containers side by side, then its sidecars, the last first, then its sandboxes. */
export async function stopPod(
  deps: NodeDeps,
  pod: Pod,
  runtime: RuntimePod,
  graceMs: number,
  signal: AbortSignal,
): Promise<void> {
  const begunMs = deps.timers.now();
  const podIp = runtime.sandboxes[0]?.ips[0] ?? deps.hostIps[0] ?? "";
  const running = runtime.containers.filter(({ state }) => state === "running" || state === "unknown");
  const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  const stop = (container: RuntimeContainer, leftMs: number) =>
    stopContainer(
      deps,
      { pod, container, podIp, message: `Stopping container ${container.name}`, graceMs: leftMs },
      signal,
    );
  await all(
    running.filter(({ name }) => !sidecars.includes(name)).map((container) => stop(container, graceMs)),
  );
  for (const name of sidecars.toReversed()) {
    const leftMs = graceMs === 0 ? 0 : Math.max(leastGraceMs, graceMs - (deps.timers.now() - begunMs));
    await all(
      running.filter((container) => container.name === name).map((container) => stop(container, leftMs)),
    );
  }
  for (const { id } of runtime.sandboxes)
    await unlessGone(deps.cri.runtime.stopPodSandbox({ podSandboxId: id }, signal));
}

/** Waits for all of them, then throws what the first failure was. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) if (result.status === "rejected") throw result.reason;
}
