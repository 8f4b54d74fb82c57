import type { Endpoints, Service } from "#api/kube/types/core.ts";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import type {
  Ingress,
  IngressClass,
  IPAddress,
  NetworkPolicy,
  ServiceCIDR,
} from "#api/kube/types/networking.ts";
import type { Column } from "#orchestrator/machinery/resource.ts";
import { ageColumn, column, firstOf, formatLabels, formatSelector, nameColumn, wide } from "./column.ts";

const shownEndpoints = 3;

type LoadBalancer =
  | { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] }
  | undefined;

function addressesOf(balancer: LoadBalancer): readonly string[] {
  const addresses = (balancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
  return [...new Set(addresses.filter((address) => address !== ""))].toSorted((a, b) => (a < b ? -1 : 1));
}

function externalIp({ spec, status }: Service): string {
  const external = spec.externalIPs ?? [];
  switch (spec.type) {
    case "ClusterIP":
    case "NodePort":
      return external.length === 0 ? "<none>" : external.join(",");
    case "LoadBalancer":
      return [...addressesOf(status?.loadBalancer), ...external].join(",") || "<pending>";
    case "ExternalName":
      return spec.externalName ?? "";
    default:
      return "<unknown>";
  }
}

function servicePorts({ spec }: Service): string {
  const ports = (spec.ports ?? []).map(({ port, nodePort = 0, protocol }) =>
    nodePort > 0 ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return ports.join(",") || "<none>";
}

export const serviceColumns: readonly Column[] = [
  nameColumn,
  column<Service>("Type", "string", "How the service is exposed.", ({ spec }) => spec.type),
  column<Service>("Cluster-IP", "string", "The address within the cluster.", ({ spec }) => {
    const [first = spec.clusterIP] = spec.clusterIPs ?? [];
    return first === undefined || first === "" ? "<none>" : first;
  }),
  column<Service>("External-IP", "string", "The addresses outside of the cluster.", externalIp),
  column<Service>("Port(s)", "string", "The ports of the service.", servicePorts),
  ageColumn,
  wide<Service>("Selector", "The pods that traffic goes to.", ({ spec }) => formatLabels(spec.selector)),
];

function joinHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function endpointsOf({ subsets = [] }: Endpoints): string {
  if (subsets.length === 0) return "<none>";
  const list = subsets.flatMap(({ ports, addresses = [] }) =>
    // Headless services may have no ports.
    ports === undefined
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => joinHostPort(ip, port))),
  );
  return firstOf(list, shownEndpoints);
}

export const endpointsColumns: readonly Column[] = [
  nameColumn,
  column<Endpoints>("Endpoints", "string", "The addresses and ports of the service.", endpointsOf),
  ageColumn,
];

export const endpointSliceColumns: readonly Column[] = [
  nameColumn,
  column<EndpointSlice>(
    "AddressType",
    "string",
    "The type of its addresses.",
    ({ addressType }) => addressType,
  ),
  column<EndpointSlice>("Ports", "string", "The ports of each endpoint.", ({ ports = [] }) =>
    ports.length === 0
      ? "<unset>"
      : firstOf(
          ports.map(({ port }) => (port === undefined ? "*" : String(port))),
          shownEndpoints,
        ),
  ),
  column<EndpointSlice>("Endpoints", "string", "The addresses of its endpoints.", ({ endpoints }) => {
    const list = (endpoints ?? []).flatMap(({ addresses }) => addresses);
    return list.length === 0 ? "<unset>" : firstOf(list, shownEndpoints);
  }),
  ageColumn,
];

function hostsOf({ spec }: Ingress): string {
  const rules = spec?.rules ?? [];
  const hosts = rules.slice(0, shownEndpoints).flatMap(({ host }) => (host ? [host] : []));
  if (hosts.length === 0) return "*";
  return firstOf(hosts, shownEndpoints, rules.length > shownEndpoints ? rules.length : hosts.length);
}

export const ingressColumns: readonly Column[] = [
  nameColumn,
  column<Ingress>("Class", "string", "The ingress class.", ({ spec }) => spec?.ingressClassName ?? "<none>"),
  column<Ingress>(
    "Hosts",
    "string",
    "Hosts that incoming requests are matched against before the ingress rule",
    hostsOf,
  ),
  column<Ingress>(
    "Address",
    "string",
    "Address is a list containing ingress points for the load-balancer",
    ({ status }) => addressesOf(status?.loadBalancer).join(","),
  ),
  column<Ingress>("Ports", "string", "Ports of TLS configurations that open", ({ spec }) =>
    (spec?.tls ?? []).length > 0 ? "80, 443" : "80",
  ),
  ageColumn,
];

export const ingressClassColumns: readonly Column[] = [
  nameColumn,
  column<IngressClass>(
    "Controller",
    "string",
    "Controller that is responsible for the class.",
    ({ spec }) => spec?.controller,
  ),
  column<IngressClass>(
    "Parameters",
    "string",
    "Where the class has more of its configuration.",
    ({ spec }) => {
      const parameters = spec?.parameters;
      if (parameters === undefined) return "<none>";
      const { kind, apiGroup, name } = parameters;
      return `${kind}${apiGroup === undefined ? "" : `.${apiGroup}`}/${name}`;
    },
  ),
  ageColumn,
];

export const networkPolicyColumns: readonly Column[] = [
  nameColumn,
  column<NetworkPolicy>("Pod-Selector", "string", "The pods that it is for.", ({ spec }) =>
    formatSelector(spec?.podSelector),
  ),
  ageColumn,
];

export const ipAddressColumns: readonly Column[] = [
  nameColumn,
  column<IPAddress>("ParentRef", "string", "The object that the address belongs to.", ({ spec }) => {
    const parent = spec?.parentRef;
    if (parent === undefined) return "<none>";
    const { resource, group = "", namespace = "", name } = parent;
    const parts = [group === "" ? resource : `${resource}.${group}`, namespace, name ?? ""];
    return parts.filter((part, at) => part !== "" || at !== 1).join("/");
  }),
  ageColumn,
];

export const serviceCidrColumns: readonly Column[] = [
  nameColumn,
  column<ServiceCIDR>(
    "CIDRs",
    "string",
    "The blocks that addresses of services are taken from.",
    ({ spec }) => (spec?.cidrs ?? []).join(","),
  ),
  ageColumn,
];
