import type { Log } from "#base/log.ts";
import { kubeClient } from "#client/kube/kube-client.ts";
import type { Transport } from "#client/transport.ts";
import type { Issuer } from "#host/x509/certificate.ts";
import { removeFolder } from "#host/remove-folder.ts";
import { systemTimers } from "#host/system-timers.ts";
import { startControllers } from "./controllers/start.ts";
import { EventBroadcaster } from "./informers/event-recorder.ts";
import { InformerFactory } from "./informers/informer-factory.ts";
import { runScheduler } from "./scheduler/scheduler.ts";

export interface ControlPlaneOptions {
  readonly transport: Transport;
  /** Certificates of the cluster's authority, PEM. */
  readonly authority: () => string;
  /** Signs certificates for nodes and clients. */
  readonly issuer: () => Issuer;
  /** Where new nodes reach the API. */
  readonly server: () => string;
  /** Absolute; where the volumes are that the cluster makes of nodes' folders. */
  readonly volumesFolder: string;
  readonly log: Log;
}

/** Controllers and scheduler as clients of an API, with one cache for both. Disposing of it ends them. */
export function openControlPlane({
  transport,
  log,
  volumesFolder,
  ...facts
}: ControlPlaneOptions): AsyncDisposable {
  const stop = new AbortController();
  const { signal } = stop;
  const kube = kubeClient(transport, { userAgent: "kube-controller-manager" });
  const common = { kube, timers: systemTimers, random: Math.random };
  const informers = new InformerFactory(kube, { ...common, log: log.with({ area: "informers" }) });
  informers.start(signal);
  const forControllers = { ...common, informers, log: log.with({ area: "controllers" }) };
  const forScheduler = { ...common, informers, log: log.with({ area: "scheduler" }) };
  const volumes = { folder: volumesFolder, removeFolder };
  const ended = [
    startControllers(
      { ...forControllers, events: new EventBroadcaster(forControllers, signal) },
      { ...facts, volumes },
      signal,
    ),
    runScheduler({ ...forScheduler, events: new EventBroadcaster(forScheduler, signal) }, signal),
  ];
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.allSettled([...ended, informers.ended()]);
    },
  };
}
