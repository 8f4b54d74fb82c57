import { isIP } from "node:net";
import type { Service, ServicePort } from "#api/kube/types/core.ts";
import { duplicate, forbidden, invalid, required } from "#orchestrator/machinery/field-error.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { labelComplaints, portComplaints, subdomainComplaints } from "#orchestrator/machinery/names.ts";
import { labelErrors } from "#orchestrator/machinery/object-meta.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import { checkIp, checkName, checkRequiredSupported, checkSupported, type Findings } from "../check.ts";
import { view } from "../edit.ts";
import { checkPort } from "../pods/check-handlers.ts";
import { needsClusterIp } from "./service.ts";

type Spec = Service["spec"];

const types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const longestAffinityS = 86_400;
const agentPort = 10_250;
const none = "None";

export function serviceErrors(object: Draft): readonly FieldError[] {
  const into: Findings = [];
  const { spec } = view<Service>(object);
  checkByType(into, spec);
  checkPorts(into, spec);
  into.push(...labelErrors(spec.selector ?? {}, "spec.selector"));
  checkAffinity(into, spec);
  checkAddresses(into, spec);
  checkRequiredSupported(into, "spec.type", spec.type, types);
  checkNodePorts(into, spec);
  checkBalancer(into, spec);
  checkTraffic(into, spec);
  return into;
}

function isHeadless(spec: Spec): boolean {
  return spec.clusterIP === none || spec.clusterIPs?.[0] === none;
}

function checkByType(into: Findings, spec: Spec): void {
  const { type, ports = [], externalName = "" } = spec;
  if (ports.length === 0 && !isHeadless(spec) && type !== "ExternalName") into.push(required("spec.ports"));
  if (type === "LoadBalancer") {
    for (const [at, { port }] of ports.entries()) {
      if (port !== agentPort) continue;
      const text = "may not expose port 10250 externally since it is used by kubelet";
      into.push(invalid(`spec.ports[${at}]`, port, text));
    }
  }
  if ((type === "LoadBalancer" || type === "NodePort") && isHeadless(spec))
    into.push(invalid("spec.clusterIPs[0]", none, `may not be set to 'None' for ${type} services`));
  if (type !== "ExternalName") return;
  if ((spec.clusterIPs?.length ?? 0) > 0 && spec.clusterIPs?.[0] !== "")
    into.push(forbidden("spec.clusterIPs", "may not be set for ExternalName services"));
  const name = externalName.replace(/\.$/, "");
  if (name === "") into.push(required("spec.externalName"));
  else checkName(into, "spec.externalName", name, subdomainComplaints);
}

function checkPorts(into: Findings, { ports = [] }: Spec): void {
  const names = new Set<string>();
  const seen = new Set<string>();
  for (const [at, each] of ports.entries()) {
    const own = `spec.ports[${at}]`;
    checkPortName(into, `${own}.name`, each, ports.length > 1, names);
    for (const text of portComplaints(each.port ?? 0))
      into.push(invalid(`${own}.port`, each.port ?? 0, text));
    checkRequiredSupported(into, `${own}.protocol`, each.protocol, ["SCTP", "TCP", "UDP"]);
    checkPort(into, `${own}.targetPort`, each.targetPort);
    const key = `${each.protocol}/${each.port}`;
    if (seen.has(key)) into.push(duplicate(own, { port: each.port, protocol: each.protocol, targetPort: 0 }));
    seen.add(key);
  }
}

function checkPortName(
  into: Findings,
  path: string,
  { name = "" }: ServicePort,
  isRequired: boolean,
  names: Set<string>,
): void {
  if (name === "") {
    if (isRequired) into.push(required(path));
    return;
  }
  checkName(into, path, name, labelComplaints);
  if (names.has(name)) into.push(duplicate(path, name));
  names.add(name);
}

function checkAffinity(into: Findings, { sessionAffinity, sessionAffinityConfig: config }: Spec): void {
  checkRequiredSupported(into, "spec.sessionAffinity", sessionAffinity, ["ClientIP", none]);
  const path = "spec.sessionAffinityConfig";
  if (sessionAffinity === none && config !== undefined)
    into.push(forbidden(path, "must not be set when session affinity is None"));
  if (sessionAffinity !== "ClientIP") return;
  const timeout = config?.clientIP?.timeoutSeconds;
  if (timeout === undefined) into.push(required(path, "when session affinity type is ClientIP"));
  else if (timeout <= 0 || timeout > longestAffinityS)
    into.push(
      invalid(
        `${path}.clientIP.timeoutSeconds`,
        timeout,
        `must be greater than 0 and less than ${longestAffinityS}`,
      ),
    );
}

function checkAddresses(into: Findings, spec: Spec): void {
  const { clusterIP = "", clusterIPs = [], externalIPs = [] } = spec;
  if (needsClusterIp(spec) && clusterIPs.length > 0 && clusterIP !== clusterIPs[0])
    into.push(invalid("spec.clusterIPs", clusterIPs, "first value must match `clusterIP`"));
  for (const [at, address] of clusterIPs.entries()) {
    if (at > 0 && address === none)
      into.push(invalid("spec.clusterIPs[0]", address, "'None' must be the first and only value"));
    else if (address !== none && address !== "") checkIp(into, `spec.clusterIPs[${at}]`, address);
  }
  checkFamilies(into, spec);
  if (clusterIPs.length > 2)
    into.push(invalid("spec.clusterIPs", clusterIPs, "may only hold up to 2 values"));
  for (const [at, address] of externalIPs.entries()) {
    const own = `spec.externalIPs[${at}]`;
    if (isIP(address) === 0) checkIp(into, own, address);
    else checkOrdinaryIp(into, own, address);
  }
}

const families = ["IPv4", "IPv6"];

function checkFamilies(into: Findings, { ipFamilies = [], ipFamilyPolicy }: Spec): void {
  for (const [at, family] of ipFamilies.entries()) {
    const own = `spec.ipFamilies[${at}]`;
    checkSupported(into, own, family, families);
    if (ipFamilies.indexOf(family) < at) into.push(duplicate(own, family));
  }
  checkSupported(into, "spec.ipFamilyPolicy", ipFamilyPolicy, [
    "PreferDualStack",
    "RequireDualStack",
    "SingleStack",
  ]);
}

const special: readonly (readonly [RegExp, string])[] = [
  [/^(0\.0\.0\.0|::)$/, "may not be unspecified"],
  [/^(127\.|::1$)/, "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
  [/^(169\.254\.|fe[89ab].:)/i, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
  [/^(224\.0\.0\.|ff[01]2:)/i, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"],
];

/** That traffic for an address does not always stay where it is. */
export function checkOrdinaryIp(into: Findings, path: string, address: string): void {
  for (const [pattern, text] of special) {
    if (!pattern.test(address)) continue;
    into.push(invalid(path, address, text === "may not be unspecified" ? `${text} (${address})` : text));
  }
}

function checkNodePorts(into: Findings, spec: Spec): void {
  const seen = new Set<string>();
  for (const [at, { nodePort = 0, protocol }] of (spec.ports ?? []).entries()) {
    if (nodePort === 0) continue;
    const own = `spec.ports[${at}].nodePort`;
    if (spec.type === "ClusterIP") into.push(forbidden(own, "may not be used when `type` is 'ClusterIP'"));
    const key = `${protocol}/${nodePort}`;
    if (seen.has(key)) into.push(duplicate(own, nodePort));
    seen.add(key);
  }
}

const onlyBalancer = "may only be used when `type` is 'LoadBalancer'";

function checkBalancer(into: Findings, spec: Spec): void {
  const isBalancer = spec.type === "LoadBalancer";
  if ((spec.loadBalancerSourceRanges?.length ?? 0) > 0) {
    const path = "spec.loadBalancerSourceRanges";
    if (!isBalancer) into.push(forbidden(path, onlyBalancer));
    for (const [at, range] of (spec.loadBalancerSourceRanges ?? []).entries())
      checkCidr(into, `${path}[${at}]`, range.trim());
  }
  if (isBalancer) {
    if (spec.allocateLoadBalancerNodePorts === undefined)
      into.push(required("spec.allocateLoadBalancerNodePorts"));
    return;
  }
  for (const name of ["allocateLoadBalancerNodePorts", "loadBalancerClass"] as const)
    if (spec[name] !== undefined) into.push(forbidden(`spec.${name}`, onlyBalancer));
}

export function checkCidr(into: Findings, path: string, value: string): void {
  const [address = "", length = "", ...others] = value.split("/");
  const bits = isIP(address) === 4 ? 32 : 128;
  const isBlock =
    others.length === 0 && isIP(address) !== 0 && /^\d{1,3}$/.test(length) && Number(length) <= bits;
  if (!isBlock)
    into.push(invalid(path, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"));
}

function checkTraffic(into: Findings, spec: Spec): void {
  const { type, externalTrafficPolicy, internalTrafficPolicy, healthCheckNodePort = 0 } = spec;
  const isExposed = type === "NodePort" || type === "LoadBalancer";
  const hasExternal = type === "ClusterIP" && (spec.externalIPs?.length ?? 0) > 0;
  const policies = ["Cluster", "Local"];
  if (externalTrafficPolicy !== undefined) {
    const path = "spec.externalTrafficPolicy";
    if (!isExposed && !hasExternal)
      into.push(invalid(path, externalTrafficPolicy, "may only be set for externally-accessible services"));
    else checkSupported(into, path, externalTrafficPolicy, policies);
  } else if (isExposed || hasExternal)
    into.push(required("spec.externalTrafficPolicy", "for externally-accessible services"));
  checkSupported(into, "spec.internalTrafficPolicy", internalTrafficPolicy, policies);
  if (healthCheckNodePort === 0 || (type === "LoadBalancer" && externalTrafficPolicy === "Local")) return;
  const text = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
  into.push(invalid("spec.healthCheckNodePort", healthCheckNodePort, text));
}

export function serviceUpdateErrors(next: Draft, old: Draft): readonly FieldError[] {
  const into: Findings = [];
  const [spec, before] = [view<Service>(next).spec, view<Service>(old).spec];
  const [address] = before.clusterIPs ?? [];
  if (needsClusterIp(spec) && needsClusterIp(before) && address !== undefined && address !== "") {
    if (spec.clusterIPs?.[0] !== address)
      into.push(invalid("spec.clusterIPs[0]", spec.clusterIPs ?? [], "may not change once set"));
  }
  const isStillBalancer = spec.type === "LoadBalancer" && before.type === "LoadBalancer";
  if (isStillBalancer && !isSameJson(spec.loadBalancerClass ?? null, before.loadBalancerClass ?? null))
    into.push(invalid("spec.loadBalancerClass", spec.loadBalancerClass ?? null, "may not change once set"));
  into.push(...serviceErrors(next));
  return into;
}
