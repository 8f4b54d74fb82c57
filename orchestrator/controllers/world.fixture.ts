import type { KubeObject } from "#api/kube/meta.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { jsonLog, silentLog } from "#base/log.ts";
import { type KubeClient, kubeClient } from "#client/kube/kube-client.ts";
import type { KubeResource } from "#client/kube/kube-resource.ts";
import { pods } from "#client/kube/resources.ts";
import type { Transport } from "#client/transport.ts";
import { systemTimers } from "#host/system-timers.ts";
import { EventBroadcaster } from "#orchestrator/informers/event-recorder.ts";
import { InformerFactory } from "#orchestrator/informers/informer-factory.ts";
import { MemoryApi } from "#orchestrator/informers/memory-api.fixture.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import type { ControllerDeps, StartController } from "./controller-deps.ts";
import { isReady } from "./pods/pod-facts.ts";

export interface World extends AsyncDisposable {
  readonly api: MemoryApi;
  readonly kube: KubeClient;
  readonly deps: ControllerDeps;
  readonly signal: AbortSignal;
  /** Settles with what there is of a resource as soon as it is as wanted. */
  until<T extends KubeObject>(
    resource: KubeResource<T>,
    isWanted: (objects: readonly T[]) => boolean,
  ): Promise<readonly T[]>;
  /** The same for one object of the namespace `default`, or of the cluster. */
  untilOne<T extends KubeObject>(
    resource: KubeResource<T>,
    name: string,
    isWanted: (object: T) => boolean,
  ): Promise<T>;
}

export interface WorldOptions {
  readonly api?: MemoryApi;
  readonly controllers: readonly StartController[];
  /** What the fake node does with a pod; absent: it runs and is ready. */
  readonly statusOf?: (pod: Pod) => Pod["status"] | undefined;
  /** Where a pod goes; absent: to `node-1`. */
  readonly nodeOf?: (pod: Pod) => string | undefined;
  /** Without a node pods stay pending. */
  readonly hasNode?: boolean;
  readonly log?: boolean;
}

/** Controllers at an API in memory, and a node that runs pods at once, without containers. */
export function openWorld(options: WorldOptions): World {
  const api = options.api ?? new MemoryApi();
  const stop = new AbortController();
  const { signal } = stop;
  const kube = kubeClient(api as Transport, { userAgent: "controllers" });
  const log =
    options.log === true
      ? jsonLog((line) => process.stderr.write(line), { level: "debug", now: () => new Date() })
      : silentLog;
  const common = { timers: systemTimers, random: Math.random, log };
  const informers = new InformerFactory(kube, common);
  const deps: ControllerDeps = {
    ...common,
    kube,
    informers,
    events: new EventBroadcaster({ kube, ...common }, signal),
  };
  informers.start(signal);
  const ended = options.controllers.map((start) => start(deps, signal));
  if (options.hasNode !== false) runNode(deps, options, signal);
  const until: World["until"] = async (resource, isWanted) => {
    const { cache, handle } = observed(informers, resource);
    const done = Promise.withResolvers<void>();
    const check = () => {
      if (isWanted([...cache.list()])) done.resolve();
    };
    using _ = handle({ added: check, updated: check, deleted: check });
    check();
    await done.promise;
    return [...cache.list()];
  };
  return {
    api,
    kube,
    deps,
    signal,
    until,
    async untilOne(resource, name, isWanted) {
      const isIt = (object: KubeObject) => object.metadata.name === name;
      const all = await until(resource, (objects) =>
        objects.some((object) => isIt(object) && isWanted(object)),
      );
      return all.find(isIt) as (typeof all)[number];
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([...ended, informers.ended()]);
    },
  };
}

function observed<T extends KubeObject>(informers: InformerFactory, resource: KubeResource<T>) {
  const informer = informers.of(resource);
  return { cache: informer.cache, handle: informer.handle.bind(informer) };
}

export function running(): NonNullable<Pod["status"]> {
  const lastTransitionTime = timeText(Date.now());
  return {
    phase: "Running",
    podIP: "10.244.0.9",
    podIPs: [{ ip: "10.244.0.9" }],
    conditions: [{ type: "Ready", status: "True", lastTransitionTime }],
  };
}

function runNode(
  { informers, kube }: ControllerDeps,
  { statusOf = () => running(), nodeOf = () => "node-1" }: WorldOptions,
  signal: AbortSignal,
): void {
  const act = async (pod: Pod) => {
    const { namespace, name = "", deletionTimestamp } = pod.metadata;
    const ref = { namespace, name };
    try {
      if (deletionTimestamp !== undefined) await kube.of(pods).delete(ref, { gracePeriodSeconds: 0 }, signal);
      else if (pod.spec.nodeName === undefined) {
        const target = { apiVersion: "v1", kind: "Node", name: nodeOf(pod) ?? "node-1" };
        const binding = { apiVersion: "v1", kind: "Binding", metadata: ref, target };
        await kube.of(pods).createSubresource(ref, "binding", binding, signal);
      } else if (!isReady(pod) && pod.status?.phase === undefined) {
        const status = statusOf(pod);
        if (status !== undefined) await kube.of(pods).updateStatus({ ...pod, status }, signal);
      }
    } catch {
      // gone, or newer: the next event tells
    }
  };
  const each = (pod: Pod) => void act(pod);
  informers.of(pods).handle({ added: each, updated: each });
}
