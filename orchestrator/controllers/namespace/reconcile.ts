import { isStatus } from "#api/kube/status.ts";
import type { Namespace } from "#api/kube/types/core.ts";
import { messageOf } from "#base/fault.ts";
import { namespaces, pods } from "#client/kube/resources.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { type Again, runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { discover, type DiscoveredResource } from "../discovery.ts";
import { isContentGone, planConditions, type Progress } from "./plan.ts";

/** What goes by finalizers and grace is looked at again after so long, unless it is told before. */
const lookAgainMs = 1000;

/** Empties namespaces that are being deleted, pods first, and lets them go then. */
export async function startNamespaceController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const informer = deps.informers.of(namespaces);
  const controller = {
    name: "namespace-controller",
    reconcile: (key: string, signal: AbortSignal) => reconcile(deps, informer.cache, key, signal),
  };
  const { queue, ended } = runController(deps, controller, signal, { ready: informer.synced(signal) });
  const look = ({ metadata }: Namespace) => {
    if (metadata.deletionTimestamp !== undefined) queue.add(metadata.name ?? "");
  };
  informer.handle({ added: look, updated: look });
  deps.informers.of(pods).handle({
    deleted({ metadata: { namespace = "" } }) {
      if (informer.cache.get(namespace)?.metadata.deletionTimestamp !== undefined) queue.add(namespace);
    },
  });
  await ended;
}

async function reconcile(
  deps: ControllerDeps,
  cache: IndexedCache<Namespace>,
  name: string,
  signal: AbortSignal,
): Promise<Again | undefined> {
  if (cache.get(name)?.metadata.deletionTimestamp === undefined) return undefined;
  const client = deps.kube.of(namespaces);
  const found = await client.find({ name }, signal);
  if (found?.metadata.deletionTimestamp === undefined) return undefined;
  if (!(found.spec?.finalizers ?? []).includes("kubernetes")) return undefined;
  const terminating: Namespace =
    found.status?.phase === "Terminating"
      ? found
      : await client.updateStatus({ ...found, status: { ...found.status, phase: "Terminating" } }, signal);
  const progress = await empty(deps, name, signal);
  const conditions = planConditions(terminating.status?.conditions ?? [], progress, deps.timers.now());
  const told = isSameJson(conditions, terminating.status?.conditions)
    ? terminating
    : await client.updateStatus({ ...terminating, status: { ...terminating.status, conditions } }, signal);
  if (!isContentGone(progress)) return { afterMs: lookAgainMs };
  const finalizers = (told.spec?.finalizers ?? []).filter((finalizer) => finalizer !== "kubernetes");
  const freed = { ...told, apiVersion: "v1", kind: "Namespace", spec: { ...told.spec, finalizers } };
  await client.updateSubresource({ name }, "finalize", freed, signal);
  return undefined;
}

async function empty(deps: ControllerDeps, namespace: string, signal: AbortSignal): Promise<Progress> {
  const progress = {
    discoveryFailures: [] as string[],
    deletionFailures: [] as string[],
    remaining: new Map<string, number>(),
    finalizers: new Map<string, number>(),
  };
  const { resources, failures } = await discover(deps.kube, signal);
  progress.discoveryFailures.push(...failures);
  const own = resources.filter(
    ({ isNamespaced, verbs }) => isNamespaced && verbs.includes("list") && verbs.includes("delete"),
  );
  const isPods = ({ group, resource }: DiscoveredResource) => group === "" && resource === "pods";
  const isTwin = ({ group, resource }: DiscoveredResource) =>
    group === "events.k8s.io" && resource === "events";
  await remove(deps, namespace, own.filter(isPods), progress, signal);
  if (progress.remaining.size > 0) return progress; // what pods rely on stays as long as they do
  await remove(
    deps,
    namespace,
    own.filter((one) => !isPods(one) && !isTwin(one)),
    progress,
    signal,
  );
  return progress;
}

interface OpenProgress {
  readonly deletionFailures: string[];
  readonly remaining: Map<string, number>;
  readonly finalizers: Map<string, number>;
}

async function remove(
  { kube }: ControllerDeps,
  namespace: string,
  resources: readonly DiscoveredResource[],
  progress: OpenProgress,
  signal: AbortSignal,
): Promise<void> {
  for (const resource of resources) {
    const client = kube.of(resource);
    try {
      const there = await client.list({ namespace, limit: 1 }, signal);
      if (there.items.length === 0) continue;
      if (resource.verbs.includes("deletecollection"))
        await client.deleteCollection({ namespace }, { propagationPolicy: "Background" }, signal);
      else
        for await (const { metadata } of client.listAll({ namespace }, signal))
          await client.delete(
            { namespace, name: metadata.name ?? "" },
            { propagationPolicy: "Background" },
            signal,
          );
      let count = 0;
      for await (const { metadata } of client.listAll({ namespace }, signal)) {
        count++;
        for (const finalizer of metadata.finalizers ?? [])
          progress.finalizers.set(finalizer, (progress.finalizers.get(finalizer) ?? 0) + 1);
      }
      if (count > 0) progress.remaining.set(`${resource.resource}.${resource.group}`, count);
    } catch (error) {
      if (signal.aborted) throw error;
      if (!isStatus(error, "NotFound") && !isStatus(error, "MethodNotAllowed"))
        progress.deletionFailures.push(messageOf(error));
    }
  }
}
