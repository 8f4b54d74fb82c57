import type { Endpoints, EndpointAddress, EndpointSubset, Service } from "#api/kube/types/core.ts";
import type { Endpoint, EndpointSlice } from "#api/kube/types/discovery.ts";
import { endpoints } from "#client/kube/resources.ts";
import { managedBy, serviceNameLabel, type SliceGroup, triggerAnnotation } from "../endpoints/plan-slices.ts";
import { controllerReference } from "../owner.ts";

export const mirrorController = "endpointslicemirroring-controller.k8s.io";

const skipLabel = "endpointslice.kubernetes.io/skip-mirror";
const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader";
/** Of a subset; what is more is left out, as upstream does. */
const mostAddresses = 1000;

/** Whether slices are to be made of Endpoints that somebody has written for a service without pods of its own. */
export function isMirrored({ metadata }: Endpoints, service: Service | undefined): boolean {
  if (service === undefined || Object.keys(service.spec?.selector ?? {}).length > 0) return false;
  return metadata.labels?.[skipLabel] !== "true" && metadata.annotations?.[leaderAnnotation] === undefined;
}

/** What the slices should hold: one group for the addresses of each family in each subset. */
export function groupsIn({ subsets = [] }: Endpoints): readonly SliceGroup[] {
  return subsets.flatMap((subset) =>
    (["IPv4", "IPv6"] as const)
      .map((family) => ({ family, ports: portsOf(subset), endpoints: endpointsOf(subset, family) }))
      .filter((group) => group.endpoints.length > 0),
  );
}

function portsOf({ ports = [] }: EndpointSubset): SliceGroup["ports"] {
  return ports.map(({ name = "", port, protocol = "TCP", appProtocol }) => ({
    name,
    port,
    protocol,
    ...(appProtocol !== undefined && { appProtocol }),
  }));
}

function endpointsOf(subset: EndpointSubset, family: "IPv4" | "IPv6"): readonly Endpoint[] {
  const { addresses = [], notReadyAddresses = [] } = subset;
  const of = (all: readonly EndpointAddress[], ready: boolean) =>
    all.filter(({ ip }) => ip.includes(":") === (family === "IPv6")).map((one) => endpointOf(one, ready));
  return [...of(addresses, true), ...of(notReadyAddresses, false)].slice(0, mostAddresses);
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname !== undefined && hostname !== "" && { hostname }),
    ...(targetRef !== undefined && { targetRef }),
    ...(nodeName !== undefined && { nodeName }),
  };
}

/** Metadata that all slices of Endpoints have. */
export function mirrorMetadata({ metadata, ...object }: Endpoints): EndpointSlice["metadata"] {
  const { name = "", namespace, labels, annotations = {} } = metadata;
  const { [triggerAnnotation]: _, ...kept } = annotations;
  return {
    generateName: `${name}-`,
    ...(namespace === undefined ? {} : { namespace }),
    labels: { ...labels, [serviceNameLabel]: name, [managedBy]: mirrorController },
    annotations: kept,
    ownerReferences: [controllerReference(endpoints, { ...object, metadata })],
  };
}
