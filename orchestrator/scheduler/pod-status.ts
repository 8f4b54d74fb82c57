import type { Pod } from "#api/kube/types/core-pods.ts";
import { isStatus } from "#api/kube/status.ts";
import { pods } from "#client/kube/resources.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import type { SchedulerDeps } from "./scheduler.ts";

const writing = { type: "strategic", subresource: "status" } as const;

/** Tells in pods' statuses what becomes of them. */
export class PodStatusWriter {
  readonly #deps: Pick<SchedulerDeps, "kube" | "timers" | "log">;
  readonly #signal: AbortSignal;

  constructor(deps: Pick<SchedulerDeps, "kube" | "timers" | "log">, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** That the pod has no node, and why. Does not fail. */
  async unschedulable(pod: Pod, reason: "Unschedulable" | "SchedulingGated", message: string): Promise<void> {
    const before = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
    if (before?.status === "False" && before.reason === reason && before.message === message) return;
    const since = before?.status === "False" ? before.lastTransitionTime : undefined;
    const lastTransitionTime = since ?? this.#now();
    const condition = { type: "PodScheduled", status: "False", reason, message, lastTransitionTime };
    try {
      await this.#patch(pod, { conditions: [condition] });
    } catch (error) {
      if (!this.#signal.aborted && !isStatus(error, "NotFound"))
        this.#deps.log.debug("a pod could not be told why it waits", { error });
    }
  }

  async nominate(pod: Pod, node: string): Promise<void> {
    await this.#patch(pod, { nominatedNodeName: node });
  }

  /** Tells a pod that it has to go for a more important one, and lets it go. */
  async preempt(pod: Pod): Promise<void> {
    const { namespace, name = "", uid } = pod.metadata;
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason: "PreemptionByScheduler",
      message: "default-scheduler: preempting to accommodate a higher priority pod",
      lastTransitionTime: this.#now(),
    };
    try {
      await this.#patch(pod, { conditions: [condition] });
      const preconditions = uid === undefined ? {} : { preconditions: { uid } };
      await this.#deps.kube.of(pods).delete({ namespace, name }, preconditions, this.#signal);
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  async #patch({ metadata: { namespace, name = "" } }: Pod, status: object): Promise<void> {
    await this.#deps.kube.of(pods).patch({ namespace, name }, { status }, writing, this.#signal);
  }

  #now(): string {
    return timeText(this.#deps.timers.now());
  }
}
