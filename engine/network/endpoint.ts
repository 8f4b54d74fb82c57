import { randomBytes } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { contains, findAddress, formatAddress } from "./cidr.ts";
import type { LiveNetwork } from "./live-network.ts";
import type { Endpoint, EndpointRequest, NetworkRecord } from "./networks.ts";
import type { Place } from "./sandboxes.ts";

/** The address and the MAC that a container asked for. */
export interface AskedPlace {
  readonly address?: number;
  readonly mac?: string;
}

/** @throws {Fault} `invalid`, with Docker's text, for wishes that the network cannot grant */
export function checkSettings(request: EndpointRequest, network: LiveNetwork): AskedPlace {
  const { settings = {} } = request;
  const isDefault = network.record.name === "bridge";
  const text = settings.IPAMConfig?.IPv4Address ?? "";
  if (isDefault && (settings.Aliases ?? []).length > 0)
    throw new Fault(
      "invalid",
      "network-scoped alias is supported only for containers in user defined networks",
    );
  if (isDefault && text !== "")
    throw new Fault("invalid", "user specified IP address is supported on user defined networks only");
  const mac = settings.MacAddress ?? "";
  if (mac !== "" && !isUnicastMac(mac)) throw new Fault("invalid", `invalid MAC address: ${mac}`);
  return {
    ...(text !== "" && { address: askedAddress(text, network) }),
    ...(mac !== "" && { mac: mac.toLowerCase() }),
  };
}

function askedAddress(text: string, network: LiveNetwork): number {
  if (!network.record.hasChosenSubnet)
    throw new Fault(
      "invalid",
      "user specified IP address is supported only when connecting to networks with user configured subnets",
    );
  const address = findAddress(text);
  if (address === undefined) throw new Fault("invalid", `invalid IPv4 address: ${text}`);
  if (!contains(network.plan.subnet, address))
    throw new Fault("invalid", `no configured subnet contains IP address ${text}`);
  return address;
}

function isUnicastMac(text: string): boolean {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text) && (Number.parseInt(text.slice(0, 2), 16) & 1) === 0;
}

/** The endpoint of a container on a bridge. Its ports are not published yet. */
export function endpointOn(network: LiveNetwork, request: EndpointRequest, place: Place): Endpoint {
  const aliases = request.settings?.Aliases ?? [];
  return {
    ...bareEndpoint(network.record, request),
    address: formatAddress(place.address),
    prefixLength: network.plan.subnet.prefix,
    gateway: network.gateway,
    mac: place.mac,
    hostInterface: place.hostName,
    aliases,
    dnsNames: namesOf(request, aliases),
    ...(request.dns !== undefined && request.dns.length > 0 && { dns: request.dns }),
  };
}

/** The endpoint of a container in host mode or without a network. */
export function bareEndpoint(network: NetworkRecord, request: EndpointRequest): Endpoint {
  return {
    networkId: network.id,
    networkName: network.name,
    endpointId: randomBytes(32).toString("hex"),
    address: "",
    prefixLength: 0,
    gateway: "",
    mac: "",
    aliases: [],
    dnsNames: namesOf(request, []),
    ports: {},
  };
}

function namesOf(request: EndpointRequest, aliases: readonly string[]): readonly string[] {
  const { containerName, containerId, hostname } = request;
  return [...new Set([containerName, ...aliases, containerId.slice(0, 12), hostname])].filter(
    (name) => name !== "",
  );
}

/** The endpoint after its container got another name. */
export function renamed(endpoint: Endpoint, name: string): Endpoint {
  return { ...endpoint, dnsNames: [...new Set([name, ...endpoint.dnsNames.slice(1)])] };
}
