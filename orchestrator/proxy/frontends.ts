import { findAddress, findCidr } from "#base/cidr.ts";
import type { Service } from "#api/kube/types/core.ts";
import type { Endpoint, EndpointSlice } from "#api/kube/types/discovery.ts";

export type Protocol = "tcp" | "udp" | "sctp";

/** Where a connection may go: an address and a port. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

/** One port of a service: what it is reached by, and what is behind it. IPv4 alone. */
export interface Frontend {
  readonly protocol: Protocol;
  readonly clusterIp: string;
  readonly port: number;
  /** 0 for none. */
  readonly nodePort: number;
  /** External addresses and those of load balancers. */
  readonly externals: readonly string[];
  /** Those of them that only the source ranges may use. */
  readonly guarded: readonly string[];
  readonly sourceRanges: readonly string[];
  readonly everywhere: readonly Target[];
  /** Those on this node. */
  readonly here: readonly Target[];
  readonly isInternalLocal: boolean;
  readonly isExternalLocal: boolean;
  /** How long a client stays with what it got first; 0 for not at all. */
  readonly affinitySeconds: number;
}

const usualAffinitySeconds = 10_800;
const isFour = (address: string) => findAddress(address) !== undefined;
const isRange = (text: string) => findCidr(text) !== undefined;

/**
 * What a service's ports are reached by and what is behind them.
 *
 * @param slices all of the service
 * @see Kubernetes documentation, Virtual IPs and Service Proxies; KEP-1669 for terminating endpoints
 */
export function frontendsOf(
  service: Service,
  slices: readonly EndpointSlice[],
  nodeName: string,
): readonly Frontend[] {
  const { spec, status } = service;
  if (spec === undefined || spec.type === "ExternalName") return [];
  const clusterIp = (spec.clusterIPs ?? [spec.clusterIP ?? ""]).find(isFour);
  if (clusterIp === undefined) return [];
  const isReachable = spec.type === "NodePort" || spec.type === "LoadBalancer";
  const balanced = (status?.loadBalancer?.ingress ?? [])
    .filter(({ ip, ipMode }) => ip !== undefined && isFour(ip) && ipMode !== "Proxy")
    .map(({ ip = "" }) => ip);
  const sourceRanges = (spec.loadBalancerSourceRanges ?? []).map((range) => range.trim()).filter(isRange);
  const isGuarded = (spec.loadBalancerSourceRanges ?? []).length > 0;
  const externals = [...new Set([...(spec.externalIPs ?? []).filter(isFour), ...balanced])];
  const isSticky = spec.sessionAffinity === "ClientIP";
  return (spec.ports ?? []).map(({ name = "", port, protocol = "TCP", nodePort = 0 }) => ({
    protocol: protocol.toLowerCase() as Protocol,
    clusterIp,
    port,
    nodePort: isReachable ? nodePort : 0,
    externals,
    guarded: isGuarded ? balanced : [],
    sourceRanges,
    ...targetsOf(slices, name, protocol, nodeName),
    isInternalLocal: spec.internalTrafficPolicy === "Local",
    isExternalLocal: spec.externalTrafficPolicy === "Local",
    affinitySeconds: isSticky
      ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? usualAffinitySeconds)
      : 0,
  }));
}

interface Found extends Target {
  readonly isHere: boolean;
  readonly isReady: boolean;
}

function targetsOf(
  slices: readonly EndpointSlice[],
  name: string,
  protocol: string,
  nodeName: string,
): Pick<Frontend, "everywhere" | "here"> {
  const found = new Map<string, Found>();
  for (const { addressType, ports = [], endpoints = [] } of slices) {
    if (addressType !== "IPv4") continue;
    for (const port of ports) {
      if ((port.name ?? "") !== name || (port.protocol ?? "TCP") !== protocol) continue;
      if (port.port === undefined) continue;
      for (const endpoint of endpoints) {
        const one = usable(endpoint, port.port, nodeName);
        if (one === undefined) continue;
        const key = `${one.address}:${one.port}`;
        if (found.get(key)?.isReady !== true) found.set(key, one); // while it moves it may be in two slices
      }
    }
  }
  const all = [...found.values()];
  return { everywhere: preferReady(all), here: preferReady(all.filter(({ isHere }) => isHere)) };
}

/** The first address alone counts, as upstream has it. */
function usable(endpoint: Endpoint, port: number, nodeName: string): Found | undefined {
  const { addresses, conditions = {} } = endpoint;
  const [address] = addresses;
  const isReady = conditions.ready ?? true;
  const isServing = conditions.serving ?? isReady;
  if (address === undefined || !isFour(address)) return undefined;
  if (!isReady && !(isServing && conditions.terminating === true)) return undefined;
  return { address, port, isHere: endpoint.nodeName === nodeName, isReady };
}

/** Those that are about to end get something only while there is nobody else. */
function preferReady(found: readonly Found[]): readonly Target[] {
  const ready = found.filter(({ isReady }) => isReady);
  return (ready.length > 0 ? ready : found)
    .map(({ address, port }) => ({ address, port }))
    .toSorted((a, b) => (a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1));
}
