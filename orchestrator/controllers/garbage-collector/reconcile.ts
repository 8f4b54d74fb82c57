import type { KubeObject } from "#api/kube/meta.ts";
import { apiVersionOf } from "#client/kube/kube-resource.ts";
import { customResourceDefinitions } from "#client/kube/resources.ts";
import { Reflector } from "#orchestrator/informers/reflector.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { discover, type DiscoveredResource } from "../discovery.ts";
import { Collector } from "./collector.ts";

/** Never owned in a way that counts, and many. */
const ignored = new Set(["events", "events.events.k8s.io"]);

/** Deletes what has lost its owners, in the order that was asked for. Knows of objects only their metadata. */
export async function startGarbageCollector(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const collector = new Collector(deps);
  const ready = Promise.withResolvers<void>();
  const controller = {
    name: "garbage-collector",
    reconcile: (uid: string, signal: AbortSignal) => collector.reconcile(uid, queue, signal),
  };
  const options = { ready: ready.promise, workers: 10 };
  const { queue, ended } = runController(deps, controller, signal, options);
  const watched = new Map<string, Promise<void>>();
  const running: Promise<void>[] = [];
  const watch = (resource: DiscoveredResource): Promise<void> => {
    collector.learn(resource);
    const synced = Promise.withResolvers<void>();
    const known = new Set<string>();
    const put = (object: KubeObject) => {
      known.add(object.metadata.uid ?? "");
      collector.saw(resource, object, queue);
    };
    const remove = ({ metadata: { uid = "" } }: KubeObject) => {
      known.delete(uid);
      collector.lost(uid, queue);
    };
    const target = {
      replace(objects: ReadonlyMap<string, KubeObject>) {
        const now = new Set([...objects.values()].map(({ metadata }) => metadata.uid));
        for (const uid of known)
          if (!now.has(uid)) {
            known.delete(uid);
            collector.lost(uid, queue);
          }
        for (const object of objects.values()) put(object);
        synced.resolve();
      },
      put,
      remove,
    };
    running.push(new Reflector(collector.clientOf(resource), target, deps).run(signal));
    return synced.promise;
  };
  const watchAll = async () => {
    const { resources } = await discover(deps.kube, signal);
    const wanted = resources.filter(
      ({ verbs, resource, group }) =>
        ["list", "watch", "delete"].every((verb) => verbs.includes(verb)) &&
        !ignored.has(group === "" ? resource : `${resource}.${group}`),
    );
    for (const resource of wanted) {
      const key = `${apiVersionOf(resource)}/${resource.resource}`;
      if (!watched.has(key)) watched.set(key, watch(resource));
    }
    await Promise.all(watched.values());
  };
  const start = async () => {
    const { queue: kinds } = runController(
      deps,
      { name: "garbage-collector-resources", reconcile: () => watchAll() },
      signal,
      { workers: 1 },
    );
    kinds.add("all");
    const look = () => kinds.addAfter("all", 500); // a new kind is served a moment after its definition is there
    deps.informers.of(customResourceDefinitions).handle({ added: look, updated: look });
    await watchAll();
    ready.resolve();
  };
  await start().catch((error: unknown) => {
    if (signal.aborted) return;
    deps.log.warn("the garbage collector could not start", { error });
    ready.resolve();
  });
  await ended;
  await Promise.all(running);
}
