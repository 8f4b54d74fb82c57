import type { Pod } from "#api/kube/types/core-pods.ts";
import type { EndpointAddress, EndpointPort, EndpointSubset, Service } from "#api/kube/types/core.ts";
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

interface Subset {
  readonly ports: readonly EndpointPort[];
  readonly addresses: EndpointAddress[];
  readonly notReadyAddresses: EndpointAddress[];
}

const mostAddresses = 1000;

/** The subsets of a service's Endpoints: addresses with the same ports are together, in the order of the addresses. */
export function planSubsets(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const subsets = new Map<string, Subset>();
  const always = service.spec?.publishNotReadyAddresses === true;
  const family = (service.spec?.ipFamilies?.[0] || "IPv4") as Family;
  for (const pod of pods) {
    const ip = canBeEndpoint(pod, always) ? addressOf(pod, family) : undefined;
    if (ip === undefined) continue;
    const ports = portsOf(service, pod);
    if (ports.length === 0 && !(isHeadless(service) && (service.spec?.ports ?? []).length === 0)) continue;
    const key = JSON.stringify(ports);
    const subset = subsets.get(key) ?? { ports, addresses: [], notReadyAddresses: [] };
    subsets.set(key, subset);
    const list = always || isReady(pod) ? subset.addresses : subset.notReadyAddresses;
    list.push(endpointAddress(service, pod, ip));
  }
  return [...subsets.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, subset]) => tidy(subset));
}

function tidy({ ports, addresses, notReadyAddresses }: Subset): EndpointSubset {
  const byAddress = (a: EndpointAddress, b: EndpointAddress) => (a.ip < b.ip ? -1 : 1);
  const ready = addresses.toSorted(byAddress).slice(0, mostAddresses);
  const others = notReadyAddresses.toSorted(byAddress).slice(0, mostAddresses - ready.length);
  return {
    ...(ready.length > 0 && { addresses: ready }),
    ...(others.length > 0 && { notReadyAddresses: others }),
    ...(ports.length > 0 && { ports }),
  };
}

function portsOf(service: Service, pod: Pod): readonly EndpointPort[] {
  const named = portsIn(pod, service).map(({ name, ...rest }) => (name === "" ? rest : { name, ...rest }));
  return named.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function endpointAddress(service: Service, pod: Pod, ip: string): EndpointAddress {
  const { nodeName } = pod.spec;
  const hostname = hostnameIn(pod, service);
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: podReference(pod),
  };
}
