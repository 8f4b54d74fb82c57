import type { KubeObject } from "#api/kube/meta.ts";
import { isStatus } from "#api/kube/status.ts";
import type { Event } from "#api/kube/types/core.ts";
import type { Log } from "#base/log.ts";
import type { Timers } from "#base/timers.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import { events } from "#client/kube/resources.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import { EventCorrelator, type EventNote, type EventPlan } from "./event-correlator.ts";

/** What an event is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: KubeObject["metadata"];
  /** Which part, e.g. `spec.containers{web}`. */
  readonly fieldPath?: string;
}

export interface EventRecorder {
  /** Tells users something about an object. Neither waits nor fails: an event that cannot be written is lost. */
  record(about: EventSubject, type: EventNote["type"], reason: string, message: string): void;
}

export interface RecorderDeps {
  readonly kube: KubeClient;
  readonly timers: Timers;
  readonly log: Log;
}

const mostWaiting = 1000;

interface Pending extends EventNote {
  readonly about: EventSubject;
  readonly component: string;
  readonly host: string | undefined;
  readonly atMs: number;
}

/** Writes events, one after the other, the similar ones counted together. */
export class EventBroadcaster {
  readonly #deps: RecorderDeps;
  readonly #signal: AbortSignal;
  readonly #correlator = new EventCorrelator();
  readonly #waiting: Pending[] = [];
  #isWriting = false;
  #count = 0;

  constructor(deps: RecorderDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** @param component who speaks, e.g. `deployment-controller`; `host` where that is a node's */
  recorder(component: string, host?: string): EventRecorder {
    return {
      record: (about, type, reason, message) => {
        if (this.#waiting.length >= mostWaiting || this.#signal.aborted) return;
        const atMs = this.#deps.timers.now();
        this.#waiting.push({ about, type, reason, message: message.slice(0, 1024), component, host, atMs });
        if (!this.#isWriting) void this.#write();
      },
    };
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#signal.aborted) break;
      try {
        await this.#writeOne(next);
      } catch (error) {
        this.#deps.log.debug("an event could not be written", { reason: next.reason, error });
      }
    }
    this.#isWriting = false;
  }

  async #writeOne(pending: Pending): Promise<void> {
    const { metadata, kind } = pending.about;
    const subject = [pending.component, pending.host, kind, metadata.uid, metadata.name].join("\n");
    const plan = this.#correlator.plan(
      subject,
      { ...pending, fieldPath: pending.about.fieldPath },
      pending.atMs,
    );
    if (plan.do === "count" && (await this.#countUp(pending, plan))) return;
    if (plan.do === "drop") return;
    const made = eventOf(pending, plan.message, this.#count++);
    await this.#deps.kube.of(events).create(made, this.#signal);
    this.#correlator.created(plan.key, made.metadata.name ?? "");
  }

  async #countUp(pending: Pending, plan: Extract<EventPlan, { do: "count" }>): Promise<boolean> {
    const namespace = namespaceOf(pending.about);
    const lastTimestamp = timeText(pending.atMs);
    const patch = { count: plan.count, lastTimestamp, message: plan.message };
    try {
      const options = { type: "strategic" } as const;
      await this.#deps.kube.of(events).patch({ namespace, name: plan.name }, patch, options, this.#signal);
      return true;
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
      this.#correlator.forget(plan.key); // it has expired
      return false;
    }
  }
}

function eventOf(pending: Pending, message: string, count: number): Event {
  const { about, component, host, atMs, reason, type } = pending;
  const at = timeText(atMs);
  const { name = "", namespace, uid, resourceVersion } = about.metadata;
  const nanoseconds = BigInt(atMs) * 1_000_000n + BigInt(count % 1_000_000);
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${name.slice(0, 230)}.${nanoseconds.toString(16)}`, namespace: namespaceOf(about) },
    involvedObject: {
      kind: about.kind,
      apiVersion: about.apiVersion,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(about.fieldPath === undefined ? {} : { fieldPath: about.fieldPath }),
    },
    reason,
    message,
    type,
    source: { component, ...(host === undefined ? {} : { host }) },
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
    reportingComponent: component,
    reportingInstance: host ?? "",
  };
}

function namespaceOf({ metadata }: EventSubject): string {
  return metadata.namespace ?? "default";
}
