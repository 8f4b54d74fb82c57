import type { ContainerStats } from "#api/cri/messages.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { pods } from "#client/kube/resources.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import { labelOf } from "../labels.ts";
import { type NodeDeps, tellPod } from "../node-deps.ts";
import { nameOf, namespaceOf, uidOf } from "../pod.ts";
import type { PodVerdict } from "../pod-worker.ts";
import { unlessGone } from "../unless-gone.ts";
import { measureNode } from "./node-room.ts";
import { type Candidate, chooseVictim, evictionMessage, type Shortage, shortages } from "./plan-eviction.ts";
import { type PressureType, signals, type Threshold } from "./thresholds.ts";

export interface EvictorDeps extends NodeDeps {
  readonly thresholds: readonly Threshold[];
  /** Those that have not ended. */
  readonly running: () => readonly Pod[];
  readonly evict: (pod: Pod, verdict: PodVerdict, graceMs: number) => void;
  /** Removes images that no container uses. */
  readonly removeImages: (signal: AbortSignal) => Promise<void>;
  /** The node is pressed by something else than before. */
  readonly changed: () => void;
}

/** A pressure is told of for so long after it was last felt: what comes and goes does not drive pods to and fro. */
const pressureMs = 300_000;
const graceMs = 1_000;

/** Knows what the node has too little of, and lets pods go when it has, one at a time. */
export class Evictor {
  readonly #deps: EvictorDeps;
  readonly #felt = new Map<PressureType, number>();

  constructor(deps: EvictorDeps) {
    this.#deps = deps;
  }

  /** By what the node is pressed. */
  get pressures(): ReadonlySet<PressureType> {
    return new Set(this.#felt.keys());
  }

  /** Looks once, and acts. */
  async look(signal: AbortSignal): Promise<void> {
    const found = await this.#measure(signal);
    this.#note(found);
    const [first] = found;
    if (first === undefined) return;
    if (signals[first.threshold.signal].condition === "DiskPressure") {
      await this.#deps.removeImages(signal);
      const [still] = (await this.#measure(signal)).filter(({ threshold }) => threshold === first.threshold);
      if (still === undefined) return;
    }
    await this.#evictOne(first, signal);
  }

  async #measure(signal: AbortSignal): Promise<readonly Shortage[]> {
    const { cri, folders, thresholds } = this.#deps;
    return shortages(thresholds, await measureNode(cri, folders.root, signal));
  }

  #note(found: readonly Shortage[]): void {
    const now = this.#deps.timers.now();
    const before = [...this.#felt.keys()].join();
    for (const [type, atMs] of this.#felt) if (now - atMs >= pressureMs) this.#felt.delete(type);
    for (const { threshold } of found) this.#felt.set(signals[threshold.signal].condition, now);
    if ([...this.#felt.keys()].join() !== before) this.#deps.changed();
  }

  async #evictOne(shortage: Shortage, signal: AbortSignal): Promise<void> {
    const { resource } = signals[shortage.threshold.signal];
    const { stats } = await this.#deps.cri.runtime.listContainerStats({}, signal);
    const byPod = Map.groupBy(stats, (each) => each.attributes?.labels?.get(labelOf.podUid) ?? "");
    const candidates = this.#deps.running().map(
      (pod): Candidate => ({
        pod,
        containers: (byPod.get(uidOf(pod)) ?? []).map((each) => ({
          name: each.attributes?.metadata?.name ?? "",
          bytes: useOf(each, resource),
        })),
      }),
    );
    const victim = chooseVictim(candidates, resource);
    if (victim === undefined) return;
    const message = evictionMessage(shortage, victim);
    const { pod } = victim;
    tellPod(this.#deps, pod, undefined, "Warning", "Evicted", message);
    this.#deps.log.warn("a pod is evicted to make room", { pod: uidOf(pod), reason: message });
    await this.#mark(pod, message, signal);
    this.#deps.evict(pod, { reason: "Evicted", message }, graceMs);
  }

  /** Whoever made the pod is told that it was not the pod's own doing. */
  async #mark(pod: Pod, message: string, signal: AbortSignal): Promise<void> {
    const { kube, timers } = this.#deps;
    const lastTransitionTime = timeText(timers.now());
    const reason = "TerminationByKubelet";
    const condition = { type: "DisruptionTarget", status: "True", reason, message, lastTransitionTime };
    const ref = { namespace: namespaceOf(pod), name: nameOf(pod) };
    const options = { type: "strategic", subresource: "status" } as const;
    const told = kube.of(pods).patch(ref, { status: { conditions: [condition] } }, options, signal);
    // Without an API it goes all the same.
    await unlessGone(told).catch((error: unknown) =>
      this.#deps.log.debug("an eviction could not be told", { pod: uidOf(pod), error }),
    );
  }
}

function useOf({ memory, writableLayer }: Partial<ContainerStats>, resource: string): number {
  if (resource === "memory") return Number(memory?.workingSetBytes?.value ?? 0n);
  if (resource === "inodes") return Number(writableLayer?.inodesUsed?.value ?? 0n);
  return resource === "pids" ? 0 : Number(writableLayer?.usedBytes?.value ?? 0n);
}
