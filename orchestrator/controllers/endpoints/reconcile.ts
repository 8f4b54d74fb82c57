import { ignoreNotFound } from "#api/kube/status.ts";
import type { Endpoints, Node, Service } from "#api/kube/types/core.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import { keyOf, refOfKey } from "#client/kube/kube-resource.ts";
import { endpoints, endpointSlices, nodes, pods, services } from "#client/kube/resources.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { isNamespaceTerminating } from "../pods/pod-control.ts";
import { planSubsets } from "./plan-endpoints.ts";
import {
  groupsOf,
  headlessLabel,
  managedBy,
  planSlices,
  serviceNameLabel,
  sliceController,
  sliceMetadata,
  triggerAnnotation,
} from "./plan-slices.ts";
import { isHeadless } from "./pod-endpoints.ts";

interface Working {
  readonly deps: ControllerDeps;
  readonly services: IndexedCache<Service>;
  readonly pods: IndexedCache<Pod>;
  readonly nodes: IndexedCache<Node>;
  readonly endpoints: IndexedCache<Endpoints>;
  readonly slices: IndexedCache<EndpointSlice>;
}

const byService = ({ metadata: { namespace, labels } }: EndpointSlice) => [
  `${namespace}/${labels?.[serviceNameLabel]}`,
];

/** Keeps Endpoints and EndpointSlices of services that select pods. */
export async function startEndpointsController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const own = deps.informers.of(services);
  const podInformer = deps.informers.of(pods);
  const nodeInformer = deps.informers.of(nodes);
  const endpointsInformer = deps.informers.of(endpoints);
  const slices = deps.informers.of(endpointSlices);
  slices.cache.addIndex("service", byService);
  const working: Working = {
    deps,
    services: own.cache,
    pods: podInformer.cache,
    nodes: nodeInformer.cache,
    endpoints: endpointsInformer.cache,
    slices: slices.cache,
  };
  const controller = {
    name: "endpointslice-controller",
    reconcile: (key: string, signal: AbortSignal) => reconcile(working, key, signal),
  };
  const informers = [own, podInformer, nodeInformer, endpointsInformer, slices];
  const ready = Promise.all(informers.map((informer) => informer.synced(signal)));
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const enqueue = (service: Service) => queue.add(keyOf(service));
  own.handle({ added: enqueue, updated: enqueue, deleted: enqueue });
  const enqueueSelecting = (pod: Pod) => {
    for (const service of own.cache.inNamespace(pod.metadata.namespace))
      if (selects(service, pod)) enqueue(service);
  };
  podInformer.handle({
    added: enqueueSelecting,
    updated(pod, before) {
      if (isAlike(pod, before)) return;
      enqueueSelecting(pod);
      if (!isSameJson(pod.metadata.labels, before.metadata.labels)) enqueueSelecting(before);
    },
    deleted: enqueueSelecting,
  });
  // what somebody else changes is put right
  endpointsInformer.handle({
    updated: (object) => queue.add(keyOf(object)),
    deleted: (object) => queue.add(keyOf(object)),
  });
  slices.handle({
    updated: (slice) => isOurs(slice) && queue.add(byService(slice)[0] ?? ""),
    deleted: (slice) => isOurs(slice) && queue.add(byService(slice)[0] ?? ""),
  });
  await ended;
}

function isOurs({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[managedBy] === sliceController;
}

function isAlike(a: Pod, b: Pod): boolean {
  return (
    isSameJson(a.metadata.labels, b.metadata.labels) &&
    a.metadata.deletionTimestamp === b.metadata.deletionTimestamp &&
    a.spec.nodeName === b.spec.nodeName &&
    a.status?.phase === b.status?.phase &&
    isSameJson(a.status?.podIPs, b.status?.podIPs) &&
    isSameJson(a.status?.conditions, b.status?.conditions)
  );
}

function selects({ spec }: Service, pod: Pod): boolean {
  const wanted = Object.entries(spec?.selector ?? {});
  if (wanted.length === 0 || spec?.type === "ExternalName") return false;
  return wanted.every(([name, value]) => pod.metadata.labels?.[name] === value);
}

async function reconcile(working: Working, key: string, signal: AbortSignal): Promise<void> {
  const service = working.services.get(key);
  try {
    if (service === undefined) return await removeAll(working, key, signal);
    if (Object.keys(service.spec?.selector ?? {}).length === 0 || service.spec?.type === "ExternalName")
      return;
    if (service.metadata.deletionTimestamp !== undefined) return;
    const selected = [...working.pods.inNamespace(service.metadata.namespace)].filter((pod) =>
      selects(service, pod),
    );
    await Promise.all([
      syncSlices(working, service, selected, signal),
      syncEndpoints(working, service, selected, signal),
    ]);
  } catch (error) {
    if (!isNamespaceTerminating(error)) throw error;
  }
}

/** Slices go with their service by its reference; Endpoints have none. */
async function removeAll(
  { deps, endpoints: cache }: Working,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const left = cache.get(key);
  if (left?.metadata.labels?.["endpoints.kubernetes.io/managed-by"] !== "endpoint-controller") return;
  await deps.kube.of(endpoints).delete(refOfKey(key), {}, signal).catch(ignoreNotFound);
}

async function syncSlices(
  { deps, nodes: nodeCache, slices }: Working,
  service: Service,
  selected: readonly Pod[],
  signal: AbortSignal,
): Promise<void> {
  const existing = [...slices.by("service", keyOf(service))].filter(isOurs);
  const groups = groupsOf(service, selected, (name) => nodeCache.get(name));
  const plan = planSlices(groups, existing, sliceMetadata(service, timeText(deps.timers.now())));
  const client = deps.kube.of(endpointSlices);
  await Promise.all([
    ...plan.create.map((slice) => client.create(slice, signal)),
    ...plan.update.map((slice) => client.update(slice, signal)),
    ...plan.delete.map(({ metadata: { namespace, name = "" } }) =>
      client.delete({ namespace, name }, {}, signal).catch(ignoreNotFound),
    ),
  ]);
}

async function syncEndpoints(
  { deps, endpoints: cache }: Working,
  service: Service,
  selected: readonly Pod[],
  signal: AbortSignal,
): Promise<void> {
  const subsets = planSubsets(service, selected);
  const current = cache.get(keyOf(service));
  const labels = {
    ...service.metadata.labels,
    "endpoints.kubernetes.io/managed-by": "endpoint-controller",
    ...(isHeadless(service) && { [headlessLabel]: "" }),
  };
  if (
    isSameJson(current?.subsets ?? [], subsets) &&
    isSameJson(current?.metadata.labels ?? {}, labels) &&
    current
  )
    return;
  const { name = "", namespace } = service.metadata;
  const annotations = { ...current?.metadata.annotations, [triggerAnnotation]: timeText(deps.timers.now()) };
  const metadata = {
    ...(current?.metadata ?? { name, ...(namespace && { namespace }) }),
    labels,
    annotations,
  };
  const next: Endpoints = { apiVersion: "v1", kind: "Endpoints", metadata, subsets };
  const client = deps.kube.of(endpoints);
  await (current === undefined ? client.create(next, signal) : client.update(next, signal));
}
