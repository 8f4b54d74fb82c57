import type { Log } from "#base/log.ts";
import type { Timers } from "#base/timers.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import type { EventBroadcaster } from "#orchestrator/informers/event-recorder.ts";
import type { InformerFactory } from "#orchestrator/informers/informer-factory.ts";

/** What a controller works with. */
export interface ControllerDeps {
  readonly kube: KubeClient;
  /** Shared by all of the process. */
  readonly informers: InformerFactory;
  readonly events: EventBroadcaster;
  readonly timers: Timers;
  /** A number from 0 up to, but without, 1. */
  readonly random: () => number;
  readonly log: Log;
}

/** Starts a controller; what it returns settles when the signal has aborted and its work has ended. */
export type StartController = (deps: ControllerDeps, signal: AbortSignal) => Promise<void>;
