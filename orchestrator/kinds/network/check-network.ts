import { isIP } from "node:net";
import type { ObjectMeta } from "#api/kube/meta.ts";
import type { Endpoints } from "#api/kube/types/core.ts";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import type {
  Ingress,
  IngressBackend,
  IngressClass,
  IPAddress,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  ServiceCIDR,
} from "#api/kube/types/networking.ts";
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooMany,
} from "#orchestrator/machinery/field-error.ts";
import {
  label1035Complaints,
  labelComplaints,
  portComplaints,
  portNameComplaints,
  subdomainComplaints,
  wildcardSubdomainComplaints,
} from "#orchestrator/machinery/names.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import {
  checkImmutable,
  checkName,
  checkRequiredName,
  checkRequiredSupported,
  checkSelector,
  checkSupported,
  type Findings,
} from "../check.ts";
import { view } from "../edit.ts";
import { checkPort } from "../pods/check-handlers.ts";
import { checkCidr, checkOrdinaryIp } from "./check-service.ts";

type Errors = readonly FieldError[];

const protocols = ["SCTP", "TCP", "UDP"];

export function ingressErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<Ingress>(object);
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec ?? {};
  if (rules.length === 0 && defaultBackend === undefined)
    into.push(invalid("spec", spec ?? {}, "either `defaultBackend` or `rules` must be specified"));
  if (defaultBackend !== undefined) checkBackend(into, "spec.defaultBackend", defaultBackend);
  for (const [at, { host = "", http }] of rules.entries()) {
    if (host !== "") checkHost(into, `spec.rules[${at}].host`, host);
    const path = `spec.rules[${at}].http.paths`;
    if (http !== undefined && (http.paths ?? []).length === 0) into.push(required(path));
    for (const [index, each] of (http?.paths ?? []).entries()) checkPath(into, `${path}[${index}]`, each);
  }
  for (const [at, { hosts = [] }] of tls.entries())
    for (const [index, host] of hosts.entries()) checkHost(into, `spec.tls[${at}].hosts[${index}]`, host);
  if (ingressClassName !== undefined)
    checkName(into, "spec.ingressClassName", ingressClassName, subdomainComplaints);
  return into;
}

function checkHost(into: Findings, path: string, host: string): void {
  if (isIP(host) !== 0) into.push(invalid(path, host, "must be a DNS name, not an IP address"));
  else checkName(into, path, host, host.includes("*") ? wildcardSubdomainComplaints : subdomainComplaints);
}

type Path = NonNullable<NonNullable<NonNullable<Ingress["spec"]>["rules"]>[number]["http"]>["paths"][number];

function checkPath(into: Findings, path: string, { path: text = "", pathType, backend }: Path): void {
  if (pathType === undefined) into.push(required(`${path}.pathType`, "pathType must be specified"));
  else if (pathType === "Exact" || pathType === "Prefix") {
    if (!text.startsWith("/")) into.push(invalid(`${path}.path`, text, "must be an absolute path"));
    for (const part of ["//", "/./", "/../", "%2f", "%2F"])
      if (text.includes(part)) into.push(invalid(`${path}.path`, text, `must not contain '${part}'`));
    for (const end of ["/..", "/."])
      if (text.endsWith(end)) into.push(invalid(`${path}.path`, text, `cannot end with '${end}'`));
  } else if (pathType === "ImplementationSpecific") {
    if (text !== "" && !text.startsWith("/"))
      into.push(invalid(`${path}.path`, text, "must be an absolute path"));
  } else into.push(notSupported(`${path}.pathType`, pathType, ["Exact", "ImplementationSpecific", "Prefix"]));
  checkBackend(into, `${path}.backend`, backend);
}

function checkBackend(into: Findings, path: string, backend: IngressBackend | undefined): void {
  const { service, resource } = backend ?? {};
  if (service !== undefined && resource !== undefined)
    return void into.push(invalid(path, "", "cannot set both resource and service backends"));
  if (service === undefined) {
    if (resource === undefined) into.push(required(path, "resource or service backend is required"));
    return;
  }
  checkRequiredName(into, `${path}.service.name`, service.name, label1035Complaints);
  const { name = "", number = 0 } = service.port ?? {};
  if (name !== "" && number !== 0) into.push(invalid(path, "", "cannot set both port name & port number"));
  else if (name !== "")
    for (const text of portNameComplaints(name)) into.push(invalid(`${path}.service.port.name`, name, text));
  else if (number !== 0)
    for (const text of portComplaints(number))
      into.push(invalid(`${path}.service.port.number`, number, text));
  else into.push(required(path, "port name or number is required"));
}

export function ingressClassErrors(object: Draft): Errors {
  const into: Findings = [];
  const controller = view<IngressClass>(object).spec?.controller ?? "";
  if (controller !== "" && !/^[^/]+\/.+$/.test(controller))
    into.push(
      invalid("spec.controller", controller, 'must be a domain-prefixed path (such as "acme.io/foo")'),
    );
  return into;
}

export function ingressClassUpdateErrors(next: Draft, old: Draft): Errors {
  const into: Findings = [];
  const controllerOf = (object: Draft) => view<IngressClass>(object).spec?.controller;
  checkImmutable(into, "spec.controller", controllerOf(next), controllerOf(old));
  return into;
}

export function networkPolicyErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<NetworkPolicy>(object);
  checkSelector(into, "spec.podSelector", spec?.podSelector);
  for (const [at, { ports = [], from = [] }] of (spec?.ingress ?? []).entries()) {
    for (const [index, port] of ports.entries())
      checkPolicyPort(into, `spec.ingress[${at}].ports[${index}]`, port);
    for (const [index, peer] of from.entries()) checkPeer(into, `spec.ingress[${at}].from[${index}]`, peer);
  }
  for (const [at, { ports = [], to = [] }] of (spec?.egress ?? []).entries()) {
    for (const [index, port] of ports.entries())
      checkPolicyPort(into, `spec.egress[${at}].ports[${index}]`, port);
    for (const [index, peer] of to.entries()) checkPeer(into, `spec.egress[${at}].to[${index}]`, peer);
  }
  const types = spec?.policyTypes ?? [];
  if (types.length > 2)
    into.push(invalid("spec.policyTypes", types, "may not specify more than two policyTypes"));
  for (const [at, type] of types.entries())
    checkSupported(into, `spec.policyTypes[${at}]`, type, ["Egress", "Ingress"]);
  return into;
}

function checkPolicyPort(into: Findings, path: string, { protocol, port, endPort }: NetworkPolicyPort): void {
  checkSupported(into, `${path}.protocol`, protocol, protocols);
  if (port === undefined) {
    if (endPort !== undefined)
      into.push(required(`${path}.port`, "must be specified when `endPort` is specified"));
    return;
  }
  checkPort(into, `${path}.port`, port);
  if (endPort === undefined) return;
  if (typeof port === "string")
    into.push(invalid(`${path}.endPort`, endPort, "may not be specified when `port` is non-numeric"));
  else if (endPort < port)
    into.push(invalid(`${path}.endPort`, endPort, "must be greater than or equal to `port`"));
  for (const text of portComplaints(endPort)) into.push(invalid(`${path}.endPort`, endPort, text));
}

function checkPeer(
  into: Findings,
  path: string,
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
): void {
  const count = [podSelector, namespaceSelector, ipBlock].filter((each) => each !== undefined).length;
  checkSelector(into, `${path}.podSelector`, podSelector);
  checkSelector(into, `${path}.namespaceSelector`, namespaceSelector);
  if (ipBlock !== undefined) {
    checkCidr(into, `${path}.ipBlock.cidr`, ipBlock.cidr ?? "");
    for (const [at, block] of (ipBlock.except ?? []).entries())
      checkCidr(into, `${path}.ipBlock.except[${at}]`, block);
  }
  if (count === 0) into.push(required(path, "must specify a peer"));
  else if (count > 1 && ipBlock !== undefined)
    into.push(forbidden(path, "may not specify both ipBlock and another peer"));
}

const [mostEndpoints, mostPorts, mostAddresses] = [1000, 20_000, 100];
const addressTypes = ["FQDN", "IPv4", "IPv6"];

/** The API's own service, whose server may listen for this machine alone: where it does is for nobody else to doubt. */
function isOwnService({ name, namespace }: ObjectMeta): boolean {
  return namespace === "default" && name === "kubernetes";
}

export function endpointSliceErrors(object: Draft): Errors {
  const into: Findings = [];
  const { metadata, endpoints, ports = [], addressType } = view<EndpointSlice>(object);
  const mayBeSpecial = isOwnService(metadata);
  checkRequiredSupported(into, "addressType", addressType, addressTypes);
  const list = endpoints ?? [];
  if (list.length > mostEndpoints) into.push(tooMany("endpoints", list.length, mostEndpoints));
  for (const [at, { addresses, hostname, nodeName }] of list.entries()) {
    const own = `endpoints[${at}]`;
    const given = addresses ?? [];
    if (given.length === 0) into.push(required(`${own}.addresses`, "must contain at least 1 address"));
    if (given.length > mostAddresses) into.push(tooMany(`${own}.addresses`, given.length, mostAddresses));
    for (const [index, address] of given.entries())
      checkEndpointAddress(into, `${own}.addresses[${index}]`, address, addressType, mayBeSpecial);
    if (hostname !== undefined) checkName(into, `${own}.hostname`, hostname, labelComplaints);
    if (nodeName !== undefined) checkName(into, `${own}.nodeName`, nodeName, subdomainComplaints);
  }
  if (ports.length > mostPorts) into.push(tooMany("ports", ports.length, mostPorts));
  const names = new Set<string>();
  for (const [at, { name = "", protocol }] of ports.entries()) {
    if (name !== "") checkName(into, `ports[${at}].name`, name, labelComplaints);
    if (names.has(name)) into.push(duplicate(`ports[${at}].name`, name));
    names.add(name);
    checkRequiredSupported(into, `ports[${at}].protocol`, protocol, protocols);
  }
  return into;
}

function checkEndpointAddress(
  into: Findings,
  path: string,
  address: string,
  type: string | undefined,
  mayBeSpecial: boolean,
): void {
  if (type === "FQDN") return checkName(into, path, address, subdomainComplaints);
  const wanted = type === "IPv6" ? 6 : 4;
  if (isIP(address) === wanted) {
    if (!mayBeSpecial) checkOrdinaryIp(into, path, address);
  } else into.push(invalid(path, address, `must be a valid IPv${wanted} address`));
}

export function endpointSliceUpdateErrors(next: Draft, old: Draft): Errors {
  const into = [...endpointSliceErrors(next)];
  checkImmutable(into, "addressType", next["addressType"], old["addressType"]);
  return into;
}

export function endpointsErrors(object: Draft): Errors {
  const into: Findings = [];
  const mayBeSpecial = isOwnService(view<Endpoints>(object).metadata);
  for (const [at, subset] of (view<Endpoints>(object).subsets ?? []).entries()) {
    const own = `subsets[${at}]`;
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
    if (addresses.length + notReadyAddresses.length === 0)
      into.push(required(own, "must specify `addresses` or `notReadyAddresses`"));
    for (const [name, list] of Object.entries({ addresses, notReadyAddresses })) {
      for (const [index, { ip, hostname }] of list.entries()) {
        const path = `${own}.${name}[${index}]`;
        if (isIP(ip ?? "") === 0)
          into.push(
            invalid(`${path}.ip`, ip ?? "", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
          );
        else if (!mayBeSpecial) checkOrdinaryIp(into, `${path}.ip`, ip);
        if (hostname !== undefined) checkName(into, `${path}.hostname`, hostname, labelComplaints);
      }
    }
    for (const [index, { name = "", port, protocol }] of ports.entries()) {
      const path = `${own}.ports[${index}]`;
      if (name === "" && ports.length > 1) into.push(required(`${path}.name`));
      else if (name !== "") checkName(into, `${path}.name`, name, labelComplaints);
      for (const text of portComplaints(port)) into.push(invalid(`${path}.port`, port, text));
      checkRequiredSupported(into, `${path}.protocol`, protocol, protocols);
    }
  }
  return into;
}

export function ipAddressErrors(object: Draft): Errors {
  const into: Findings = [];
  const { metadata, spec } = view<IPAddress>(object);
  const name = metadata.name ?? "";
  if (isIP(name) === 0)
    into.push(
      invalid("metadata.name", name, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
    );
  if (spec?.parentRef === undefined) into.push(required("spec.parentRef"));
  else {
    checkRequiredName(into, "spec.parentRef.resource", spec.parentRef.resource);
    checkRequiredName(into, "spec.parentRef.name", spec.parentRef.name);
  }
  return into;
}

export function serviceCidrErrors(object: Draft): Errors {
  const into: Findings = [];
  const cidrs = view<ServiceCIDR>(object).spec?.cidrs ?? [];
  if (cidrs.length === 0) into.push(required("spec.cidrs", "at least one CIDR required"));
  if (cidrs.length > 2) into.push(invalid("spec.cidrs", cidrs, "may only hold up to 2 values"));
  for (const [at, cidr] of cidrs.entries()) checkCidr(into, `spec.cidrs[${at}]`, cidr);
  return into;
}
