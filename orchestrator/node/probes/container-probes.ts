import type { Container, Pod, PodStatus, Probe } from "#api/kube/types/core-pods.ts";
import type { Timers } from "#base/timers.ts";
import { sleep } from "#base/timers.ts";
import type { CriClient } from "#rpc/cri-client.ts";
import type { ProbeVerdicts } from "../plan-pod.ts";
import type { RuntimeContainer } from "../runtime-pod.ts";
import { check } from "./probe-check.ts";
import { counted, initialState, type ProbeState } from "./probe-count.ts";

type ProbeKind = "startup" | "liveness" | "readiness";

export interface ProbeDeps {
  readonly cri: CriClient;
  readonly timers: Timers;
  /** Something that matters for the pod has changed. */
  readonly changed: (podUid: string) => void;
  readonly tell: (
    pod: Pod,
    container: Container,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
  ) => void;
}

export interface Probed {
  readonly pod: Pod;
  readonly container: Container;
  readonly running: RuntimeContainer;
  readonly podIp: string;
}

interface Watch {
  probed: Probed;
  readonly states: Map<ProbeKind, ProbeState>;
  readonly stop: AbortController;
  ended: Promise<unknown>;
}

const titles = { startup: "Startup", liveness: "Liveness", readiness: "Readiness" } as const;

/**
 * Probes the containers that run: one check of a kind at a time, the next one a period after the last began or when it is over,
 * whichever is later. Until a container has started, only that is looked at.
 */
export class ContainerProbes implements ProbeVerdicts, AsyncDisposable {
  readonly #deps: ProbeDeps;
  readonly #watches = new Map<string, Watch>();

  constructor(deps: ProbeDeps) {
    this.#deps = deps;
  }

  /** Probes what runs, and stops probing what does not. To be called with all of a pod's running containers. */
  keep(podUid: string, running: readonly Probed[], before: PodStatus = {}): void {
    const ids = new Set(running.map((probed) => probed.running.id));
    for (const [id, watch] of this.#watches)
      if (watch.probed.pod.metadata.uid === podUid && !ids.has(id)) this.#end(id, watch);
    for (const probed of running) {
      const watch = this.#watches.get(probed.running.id);
      if (watch === undefined) this.#begin(probed, before);
      else watch.probed = probed;
    }
  }

  liveness(containerId: string): ProbeState["verdict"] | undefined {
    return this.#watches.get(containerId)?.states.get("liveness")?.verdict;
  }

  startup(containerId: string): ProbeState["verdict"] | undefined {
    return this.#watches.get(containerId)?.states.get("startup")?.verdict;
  }

  /** Whether it has started, as far as its startup probe says. */
  isStarted(container: Container, running: RuntimeContainer): boolean {
    return container.startupProbe === undefined || this.startup(running.id) === "success";
  }

  isReady(container: Container, running: RuntimeContainer): boolean {
    if (container.readinessProbe === undefined) return true;
    return this.#watches.get(running.id)?.states.get("readiness")?.verdict === "success";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = [...this.#watches.values()].map(({ ended }) => ended);
    for (const [id, watch] of this.#watches) this.#end(id, watch);
    await Promise.allSettled(ended);
  }

  #end(id: string, watch: Watch): void {
    this.#watches.delete(id);
    watch.stop.abort();
  }

  #begin(probed: Probed, before: PodStatus): void {
    const { startupProbe, livenessProbe, readinessProbe } = probed.container;
    const probes: readonly (readonly [ProbeKind, Probe | undefined])[] = [
      ["startup", startupProbe],
      ["liveness", livenessProbe],
      ["readiness", readinessProbe],
    ];
    const wanted = probes.filter((entry): entry is readonly [ProbeKind, Probe] => entry[1] !== undefined);
    if (wanted.length === 0) return;
    const stop = new AbortController();
    const states = new Map(wanted.map(([kind]) => [kind, initialState(kind)]));
    const started = Promise.withResolvers<void>();
    this.#assume(probed, before, states);
    if (states.get("startup")?.verdict !== "unknown") started.resolve();
    const watch: Watch = { probed, states, stop, ended: Promise.resolve() };
    const loops = wanted.map(([kind, probe]) => this.#loop(watch, kind, probe, started, stop.signal));
    watch.ended = Promise.allSettled(loops);
    this.#watches.set(probed.running.id, watch);
  }

  /** What was told of the same container before, by an agent that ended meanwhile, holds on: readiness does not flap. */
  #assume({ running }: Probed, before: PodStatus, states: Map<ProbeKind, ProbeState>): void {
    const known = [...(before.containerStatuses ?? []), ...(before.initContainerStatuses ?? [])].find(
      ({ containerID }) => containerID?.endsWith(`://${running.id}`) === true,
    );
    const success: ProbeState = { verdict: "success", last: undefined, count: 0 };
    if (known?.started === true && states.has("startup")) states.set("startup", success);
    if (known?.ready === true && states.has("readiness")) states.set("readiness", success);
  }

  async #loop(
    watch: Watch,
    kind: ProbeKind,
    probe: Probe,
    started: PromiseWithResolvers<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { timers } = this.#deps;
    const aborted = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true }),
    );
    if (kind === "startup" && watch.states.get("startup")?.verdict === "success") return;
    if (kind !== "startup") await Promise.race([started.promise, aborted]);
    const beginMs =
      Number(watch.probed.running.startedAt / 1_000_000n) + (probe.initialDelaySeconds ?? 0) * 1000;
    await pause(timers, beginMs - timers.now(), signal);
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    while (!signal.aborted) {
      const atMs = timers.now();
      const verdict = await this.#once(watch, kind, probe, signal);
      if (kind === "startup" && verdict === "success") return started.resolve();
      // What has failed for good is dealt with by the pod's worker; the container's end ends this.
      if (kind !== "readiness" && verdict === "failure") return;
      await pause(timers, atMs + periodMs - timers.now(), signal);
    }
  }

  async #once(
    watch: Watch,
    kind: ProbeKind,
    probe: Probe,
    signal: AbortSignal,
  ): Promise<ProbeState["verdict"]> {
    const { probed, states } = watch;
    const { pod, container, running, podIp } = probed;
    const input = { cri: this.#deps.cri, pod, container, containerId: running.id, podIp };
    const { result, message } = await check(input, probe, signal);
    const before = states.get(kind) ?? initialState(kind);
    if (signal.aborted) return before.verdict;
    if (result === "failure")
      this.#deps.tell(pod, container, "Warning", "Unhealthy", `${titles[kind]} probe failed: ${message}`);
    if (result === "unknown")
      this.#deps.tell(
        pod,
        container,
        "Warning",
        "Unhealthy",
        `${titles[kind]} probe errored and resulted in unknown state: ${message}`,
      );
    const after = counted(before, probe, result);
    states.set(kind, after);
    if (after.verdict !== before.verdict) this.#deps.changed(pod.metadata.uid ?? "");
    return after.verdict;
  }
}

async function pause(timers: Timers, delayMs: number, signal: AbortSignal): Promise<void> {
  if (delayMs > 0 && !signal.aborted) await sleep(timers, delayMs, signal).catch(() => {});
}
