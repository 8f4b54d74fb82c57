import type { Service } from "#api/kube/types/core.ts";
import type { Draft, Strategy } from "#orchestrator/machinery/resource.ts";
import { edit, view, type Writable } from "../edit.ts";
import { textAt } from "../parts.ts";
import { defaultService } from "./defaults.ts";

type Spec = Writable<Service["spec"]>;

export const serviceStrategy: Strategy = {
  default: defaultService,
  prepareForCreate(object) {
    const service = edit<Service>(object);
    service.status = { loadBalancer: {} };
    normalizeAddresses(service.spec);
  },
  prepareForUpdate(next, old) {
    next["status"] = old["status"];
    const [{ spec }, before] = [edit<Service>(next), view<Service>(old).spec];
    dropOfOtherType(spec, before);
    keepAllocated(spec, before);
    normalizeAddresses(spec);
  },
  nameRule: "dns-label-1035",
  canCreateOnUpdate: true,
  selectableFields: {
    "spec.clusterIP": (object: Draft) => textAt(object, "spec", "clusterIP"),
    "spec.type": (object: Draft) => textAt(object, "spec", "type"),
  },
};

export function needsClusterIp(spec: Pick<Service["spec"], "type">): boolean {
  return spec.type === "ClusterIP" || needsNodePort(spec);
}

function needsNodePort(spec: Pick<Service["spec"], "type">): boolean {
  return spec.type === "NodePort" || spec.type === "LoadBalancer";
}

/** The first of the addresses is also the one of the old field, whichever of the two a client knows. */
function normalizeAddresses(spec: Spec): void {
  if (!needsClusterIp(spec)) return;
  const [first] = spec.clusterIPs ?? [];
  if ((spec.clusterIP ?? "") !== "" && first === undefined) spec.clusterIPs = [spec.clusterIP ?? ""];
}

/** Clients that do not know of allocated values do not lose them by an update. */
function keepAllocated(spec: Spec, old: Service["spec"]): void {
  if (
    needsClusterIp(spec) &&
    needsClusterIp(old) &&
    (spec.clusterIP ?? "") === "" &&
    spec.clusterIPs === undefined
  ) {
    if (old.clusterIP !== undefined) spec.clusterIP = old.clusterIP;
    if (old.clusterIPs !== undefined) spec.clusterIPs = [...old.clusterIPs];
  }
  keepSecondAddress(spec, old);
  if (needsClusterIp(spec)) keepFamilies(spec, old);
  if (needsNodePort(spec) && needsNodePort(old)) keepNodePorts(spec, old);
  if (isLocalBalancer(spec) && isLocalBalancer(old) && old.healthCheckNodePort !== undefined) {
    spec.healthCheckNodePort ??= old.healthCheckNodePort;
  }
}

function keepFamilies(spec: Spec, old: Service["spec"]): void {
  if (spec.ipFamilies === undefined && old.ipFamilies !== undefined) spec.ipFamilies = [...old.ipFamilies];
  if (spec.ipFamilyPolicy === undefined && old.ipFamilyPolicy !== undefined) {
    spec.ipFamilyPolicy = old.ipFamilyPolicy;
  }
}

/** A client that knows but one of the two fields changes both. */
function keepSecondAddress(spec: Spec, old: Service["spec"]): void {
  const [next = [], before = []] = [spec.clusterIPs, old.clusterIPs];
  const isListOld = next.length === before.length && next.every((each, at) => each === before[at]);
  if (!isListOld || spec.clusterIP === old.clusterIP || next.length === 0) return;
  if ((spec.clusterIP ?? "") === "") delete spec.clusterIPs;
  else spec.clusterIPs = [spec.clusterIP ?? "", ...next.slice(1)];
}

function isLocalBalancer(spec: Pick<Service["spec"], "type" | "externalTrafficPolicy">): boolean {
  return spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";
}

function keepNodePorts(spec: Spec, old: Service["spec"]): void {
  const key = (port: { readonly port: number; readonly protocol?: string }) =>
    `${port.port}/${port.protocol}`;
  const known = new Map((old.ports ?? []).map((port) => [key(port), port.nodePort]));
  const used = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort));
  for (const port of spec.ports ?? []) {
    const nodePort = known.get(key(port));
    if ((port.nodePort ?? 0) === 0 && nodePort !== undefined && !used.has(nodePort)) port.nodePort = nodePort;
  }
}

/** What only another type has goes when the type changes and a client did not touch it. */
function dropOfOtherType(spec: Spec, old: Service["spec"]): void {
  if (needsClusterIp(old) && !needsClusterIp(spec) && spec.clusterIP === old.clusterIP) {
    delete spec.clusterIP;
    delete spec.clusterIPs;
    delete spec.ipFamilies;
    delete spec.ipFamilyPolicy;
    delete spec.internalTrafficPolicy;
  }
  if (needsNodePort(old) && !needsNodePort(spec)) dropNodePorts(spec, old);
  if (old.type === "LoadBalancer" && spec.type !== "LoadBalancer") {
    if (spec.allocateLoadBalancerNodePorts === old.allocateLoadBalancerNodePorts)
      delete spec.allocateLoadBalancerNodePorts;
    if (spec.loadBalancerClass === old.loadBalancerClass) delete spec.loadBalancerClass;
  }
  if (
    isLocalBalancer(old) &&
    !isLocalBalancer(spec) &&
    spec.healthCheckNodePort === old.healthCheckNodePort
  ) {
    delete spec.healthCheckNodePort;
  }
  if (old.type !== "ExternalName" || spec.type === "ExternalName") return;
  if (spec.externalName === old.externalName) delete spec.externalName;
}

function dropNodePorts(spec: Spec, old: Service["spec"]): void {
  const before = new Set((old.ports ?? []).map(({ nodePort }) => nodePort));
  for (const port of spec.ports ?? []) if (before.has(port.nodePort)) delete port.nodePort;
  if ((spec.externalIPs?.length ?? 0) === 0) delete spec.externalTrafficPolicy;
}
