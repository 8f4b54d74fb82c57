import type { Endpoints, Service } from "#api/kube/types/core.ts";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import type { NetworkPolicy } from "#api/kube/types/networking.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { edit, type Writable } from "../edit.ts";

const affinityTimeoutS = 10_800;

export function defaultService(object: Draft): void {
  const { spec, status } = edit<Service>(object);
  spec.sessionAffinity ??= "None";
  if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
  else {
    spec.sessionAffinityConfig ??= {};
    spec.sessionAffinityConfig.clientIP ??= {};
    spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= affinityTimeoutS;
  }
  spec.type ??= "ClusterIP";
  for (const port of spec.ports ?? []) {
    port.protocol ??= "TCP";
    if ((port.targetPort ?? 0) === 0 || port.targetPort === "") port.targetPort = port.port;
  }
  defaultTraffic(spec);
  for (const ingress of status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= "VIP";
}

function defaultTraffic(spec: Writable<Service["spec"]>): void {
  const isExposed = spec.type === "NodePort" || spec.type === "LoadBalancer";
  const hasExternal = spec.type === "ClusterIP" && (spec.externalIPs?.length ?? 0) > 0;
  if (isExposed || hasExternal) spec.externalTrafficPolicy ??= "Cluster";
  if (isExposed || spec.type === "ClusterIP") spec.internalTrafficPolicy ??= "Cluster";
  if (spec.type === "LoadBalancer") spec.allocateLoadBalancerNodePorts ??= true;
}

export function defaultEndpoints(object: Draft): void {
  for (const { ports } of edit<Endpoints>(object).subsets ?? []) {
    for (const port of ports ?? []) port.protocol ??= "TCP";
  }
}

export function defaultEndpointSlice(object: Draft): void {
  for (const port of edit<EndpointSlice>(object).ports ?? []) {
    port.name ??= "";
    port.protocol ??= "TCP";
  }
}

export function defaultNetworkPolicy(object: Draft): void {
  const { spec } = edit<NetworkPolicy>(object);
  if (spec === undefined) return;
  for (const { ports } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
    for (const port of ports ?? []) port.protocol ??= "TCP";
  }
  spec.policyTypes ??= (spec.egress?.length ?? 0) > 0 ? ["Ingress", "Egress"] : ["Ingress"];
}
