import { ignoreNotFound } from "#api/kube/status.ts";
import type { Endpoints, Service } from "#api/kube/types/core.ts";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { endpoints, endpointSlices, services } from "#client/kube/resources.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { managedBy, planSlices, serviceNameLabel } from "../endpoints/plan-slices.ts";
import { isNamespaceTerminating } from "../pods/pod-control.ts";
import { groupsIn, isMirrored, mirrorController, mirrorMetadata } from "./plan.ts";

interface Working {
  readonly deps: ControllerDeps;
  readonly services: IndexedCache<Service>;
  readonly endpoints: IndexedCache<Endpoints>;
  readonly slices: IndexedCache<EndpointSlice>;
}

const isOurs = ({ metadata }: EndpointSlice) => metadata.labels?.[managedBy] === mirrorController;
const serviceOf = ({ metadata: { namespace, labels } }: EndpointSlice) =>
  `${namespace}/${labels?.[serviceNameLabel]}`;

/** Keeps EndpointSlices of the Endpoints that others write for services that select no pods. */
export async function startEndpointsMirror(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const own = deps.informers.of(endpoints);
  const serviceInformer = deps.informers.of(services);
  const slices = deps.informers.of(endpointSlices);
  slices.cache.addIndex("mirrored", (slice) => (isOurs(slice) ? [serviceOf(slice)] : []));
  const working = { deps, services: serviceInformer.cache, endpoints: own.cache, slices: slices.cache };
  const controller = {
    name: "endpointslicemirroring-controller",
    reconcile: (key: string, signal: AbortSignal) => reconcile(working, key, signal),
  };
  const ready = Promise.all([own, serviceInformer, slices].map((informer) => informer.synced(signal)));
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const enqueue = (object: Endpoints | Service) => queue.add(keyOf(object));
  own.handle({ added: enqueue, updated: enqueue, deleted: enqueue });
  serviceInformer.handle({ added: enqueue, updated: enqueue, deleted: enqueue });
  // What somebody else changes is put right.
  const enqueueOurs = (slice: EndpointSlice) => isOurs(slice) && queue.add(serviceOf(slice));
  slices.handle({ updated: enqueueOurs, deleted: enqueueOurs });
  await ended;
}

async function reconcile(working: Working, key: string, signal: AbortSignal): Promise<void> {
  const { deps, slices } = working;
  const found = working.endpoints.get(key);
  const isWanted = found !== undefined && isMirrored(found, working.services.get(key));
  const existing = [...slices.by("mirrored", key)];
  const plan = isWanted
    ? planSlices(groupsIn(found), existing, mirrorMetadata(found))
    : { create: [], update: [], delete: existing };
  const client = deps.kube.of(endpointSlices);
  try {
    await Promise.all([
      ...plan.create.map((slice) => client.create(slice, signal)),
      ...plan.update.map((slice) => client.update(slice, signal)),
      ...plan.delete.map(({ metadata: { namespace, name = "" } }) =>
        client.delete({ namespace, name }, {}, signal).catch(ignoreNotFound),
      ),
    ]);
  } catch (error) {
    if (!isNamespaceTerminating(error)) throw error;
  }
}
