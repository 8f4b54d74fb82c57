import type { Node, Service } from "#api/kube/types/core.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Endpoint, EndpointPort, EndpointSlice } from "#api/kube/types/discovery.ts";
import { services } from "#client/kube/resources.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { controllerReference } from "../owner.ts";
import { isReady } from "../pods/pod-facts.ts";
import {
  addressOf,
  canBeEndpoint,
  type Family,
  hostnameIn,
  isHeadless,
  podReference,
  portsIn,
} from "./pod-endpoints.ts";

export const managedBy = "endpointslice.kubernetes.io/managed-by";
export const serviceNameLabel = "kubernetes.io/service-name";
export const headlessLabel = "service.kubernetes.io/headless";
export const triggerAnnotation = "endpoints.kubernetes.io/last-change-trigger-time";
export const sliceController = "endpointslice-controller.k8s.io";

/** More endpoints than these go to a further slice. */
const mostEndpoints = 100;

export interface SliceGroup {
  readonly family: Family;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

export interface SlicePlan {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly delete: readonly EndpointSlice[];
}

/** What the slices of a service should hold: pods that map its ports to the same numbers are together. */
export function groupsOf(
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
): readonly SliceGroup[] {
  const groups = new Map<string, { family: Family; ports: readonly EndpointPort[]; endpoints: Endpoint[] }>();
  const families = (service.spec?.ipFamilies ?? ["IPv4"]).filter((family) => family !== "");
  for (const family of families)
    for (const pod of pods) {
      const address = canBeEndpoint(pod, true) ? addressOf(pod, family) : undefined;
      if (address === undefined) continue;
      const ports = portsIn(pod, service);
      const key = `${family} ${JSON.stringify(ports)}`;
      const group = groups.get(key) ?? { family, ports, endpoints: [] };
      groups.set(key, group);
      group.endpoints.push(endpointOf(service, pod, address, nodeOf));
    }
  for (const family of families)
    if (![...groups.values()].some((group) => group.family === family))
      groups.set(family, { family, ports: [], endpoints: [] }); // a placeholder tells that the service is known
  return [...groups.values()];
}

function endpointOf(
  service: Service,
  pod: Pod,
  address: string,
  nodeOf: (name: string) => Node | undefined,
): Endpoint {
  const isGoing = pod.metadata.deletionTimestamp !== undefined;
  const serving = isReady(pod);
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !isGoing);
  const { nodeName } = pod.spec;
  const zone =
    nodeName === undefined ? undefined : nodeOf(nodeName)?.metadata.labels?.["topology.kubernetes.io/zone"];
  const hostname = hostnameIn(pod, service);
  return {
    addresses: [address],
    conditions: { ready, serving, terminating: isGoing },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: podReference(pod),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
  };
}

/** Metadata that all slices of a service have. */
export function sliceMetadata(service: Service, changedAt: string): EndpointSlice["metadata"] {
  const { name = "", namespace, labels } = service.metadata;
  return {
    generateName: `${name}-`,
    ...(namespace === undefined ? {} : { namespace }),
    labels: {
      ...labels,
      [serviceNameLabel]: name,
      [managedBy]: sliceController,
      ...(isHeadless(service) && { [headlessLabel]: "" }),
    },
    annotations: { [triggerAnnotation]: changedAt },
    ownerReferences: [controllerReference(services, service)],
  };
}

/** The fewest writes that make the slices hold the groups: what is in a slice stays there, what is new fills room that there is. */
export function planSlices(
  groups: readonly SliceGroup[],
  existing: readonly EndpointSlice[],
  metadata: EndpointSlice["metadata"],
): SlicePlan {
  const plan = {
    create: [] as EndpointSlice[],
    update: [] as EndpointSlice[],
    delete: [] as EndpointSlice[],
  };
  const unused = new Set(existing);
  for (const group of groups) {
    const own = existing.filter(
      ({ addressType, ports = [] }) => addressType === group.family && isSameJson(ports, group.ports),
    );
    for (const slice of own) unused.delete(slice);
    fill(group, own, metadata, plan);
  }
  plan.delete.push(...unused);
  return plan;
}

function fill(
  group: SliceGroup,
  own: readonly EndpointSlice[],
  metadata: EndpointSlice["metadata"],
  plan: { create: EndpointSlice[]; update: EndpointSlice[]; delete: EndpointSlice[] },
): void {
  const wanted = new Map(group.endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const kept = own.map((slice) => ({ slice, endpoints: takeKnown(slice, wanted) }));
  const rest = [...wanted.values()];
  const roomiestLast = kept.toSorted((a, b) => b.endpoints.length - a.endpoints.length);
  for (const { endpoints } of roomiestLast)
    while (rest.length > 0 && endpoints.length < mostEndpoints) endpoints.push(rest.shift() as Endpoint);
  for (const [at, { slice, endpoints }] of kept.entries()) {
    const isPlaceholder = group.endpoints.length === 0 && at === 0;
    if (endpoints.length === 0 && !isPlaceholder) plan.delete.push(slice);
    else if (!isSameJson(endpoints, slice.endpoints ?? []) || !hasLabels(slice, metadata))
      plan.update.push(updated(slice, endpoints, metadata));
  }
  while (rest.length > 0 || (group.endpoints.length === 0 && own.length === 0 && plan.create.length === 0)) {
    plan.create.push({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata,
      addressType: group.family,
      endpoints: rest.splice(0, mostEndpoints),
      ports: group.ports,
    });
  }
}

/** The endpoints of a slice that are still wanted, as they are now; they are taken out of what is wanted. */
function takeKnown(slice: EndpointSlice, wanted: Map<string, Endpoint>): Endpoint[] {
  const endpoints: Endpoint[] = [];
  for (const endpoint of slice.endpoints ?? []) {
    const identity = identityOf(endpoint);
    const now = wanted.get(identity);
    if (now === undefined) continue;
    wanted.delete(identity);
    endpoints.push(now);
  }
  return endpoints;
}

function updated(
  slice: EndpointSlice,
  endpoints: Endpoint[],
  metadata: EndpointSlice["metadata"],
): EndpointSlice {
  const annotations = { ...slice.metadata.annotations, ...metadata.annotations };
  const labels = metadata.labels ?? {};
  return { ...slice, metadata: { ...slice.metadata, labels, annotations }, endpoints };
}

function hasLabels(slice: EndpointSlice, { labels }: EndpointSlice["metadata"]): boolean {
  return isSameJson(slice.metadata.labels ?? {}, labels ?? {});
}

function identityOf({ targetRef, addresses }: Endpoint): string {
  return `${targetRef?.uid ?? ""} ${addresses.join(",")}`;
}
