import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { Fault } from "#base/fault.ts";
import { contains, findAddress, formatAddress } from "#base/cidr.ts";
import { contains6, findAddress6, formatAddress6 } from "#base/cidr6.ts";
import type { LiveNetwork } from "./live-network.ts";
import type { Endpoint, EndpointRequest, NetworkRecord, WantedNetwork } from "./networks.ts";
import type { Place } from "./sandboxes.ts";

/** What a container asked for in a network. */
export interface AskedPlace {
  readonly address?: number;
  readonly address6?: bigint;
  readonly mac?: string;
  readonly interfaceName?: string;
  /** Path below `/proc/sys/net/`, with `IFNAME` for the interface's name → value. */
  readonly settings?: readonly (readonly [string, string])[];
  /** Addresses beside the network's own. */
  readonly linkLocals?: readonly string[];
}

const ifnameOption = "com.docker.network.endpoint.ifname";
const sysctlsOption = "com.docker.network.endpoint.sysctls";

/** @throws {Fault} `invalid`, with Docker's text, for wishes that the network cannot grant */
export function checkSettings({ settings }: WantedNetwork, network: LiveNetwork): AskedPlace {
  const isDefault = network.record.name === "bridge";
  const [four, six] = [settings.IPAMConfig?.IPv4Address ?? "", settings.IPAMConfig?.IPv6Address ?? ""];
  const problems: string[] = [];
  if (isDefault && (settings.Aliases ?? []).length > 0)
    problems.push("network-scoped alias is supported only for containers in user defined networks");
  if (isDefault && four + six !== "")
    problems.push("user specified IP address is supported on user defined networks only");
  const address = four === "" ? undefined : askedAddress(four, network, problems);
  const address6 = six === "" ? undefined : askedAddress6(six, network, problems);
  const linkLocals = settings.IPAMConfig?.LinkLocalIPs ?? [];
  for (const text of linkLocals)
    if (isIP(text) === 0) problems.push(`invalid link-local IP address: ${text}`);
  const sysctls = parseSettings(settings.DriverOpts?.[sysctlsOption] ?? "", problems);
  if (problems.length > 0) throw new Fault("invalid", invalidSettings(problems));
  const mac = settings.MacAddress ?? "";
  if (mac !== "" && !isUnicastMac(mac)) throw new Fault("invalid", `invalid MAC address: ${mac}`);
  const interfaceName = settings.DriverOpts?.[ifnameOption] ?? "";
  if (interfaceName !== "") checkInterfaceName(interfaceName);
  return {
    ...(address !== undefined && { address }),
    ...(address6 !== undefined && { address6 }),
    ...(mac !== "" && { mac: mac.toLowerCase() }),
    ...(interfaceName !== "" && { interfaceName }),
    ...(sysctls.length > 0 && { settings: sysctls }),
    ...(linkLocals.length > 0 && { linkLocals }),
  };
}

function parseSettings(text: string, problems: string[]): readonly (readonly [string, string])[] {
  return (text === "" ? [] : text.split(",")).flatMap((entry) => {
    // The docker command line makes it all lower case.
    const [, kind = "", key = "", value = ""] =
      /^net\.((?:ipv4|ipv6|mpls)\.\w+)\.ifname\.(\w+)=(.*)$/i.exec(entry) ?? [];
    if (key !== "") return [[`${kind.replace(".", "/")}/IFNAME/${key}`, value] as const];
    problems.push(
      `unrecognised network interface sysctl '${entry}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
    );
    return [];
  });
}

function invalidSettings(problems: readonly string[]): string {
  const lines = problems.length === 1 ? problems : problems.map((problem) => `* ${problem}`);
  return `invalid endpoint settings:\n${lines.join("\n")}`;
}

const notChosen =
  "user specified IP address is supported only when connecting to networks with user configured subnets";

function askedAddress(text: string, network: LiveNetwork, problems: string[]): number | undefined {
  const address = findAddress(text);
  if (address === undefined) problems.push(`invalid IPv4 address: ${text}`);
  if (!network.record.hasChosenSubnet) problems.push(notChosen);
  else if (address === undefined || network.plan === undefined || !contains(network.plan.subnet, address))
    problems.push(`no configured subnet or ip-range contain the IP address ${text}`);
  return address;
}

function askedAddress6(text: string, network: LiveNetwork, problems: string[]): bigint | undefined {
  const address = findAddress6(text);
  if (address === undefined) problems.push(`invalid IPv6 address: ${text}`);
  if (network.record.hasChosenSubnet6 !== true) problems.push(notChosen);
  else if (address === undefined || network.plan6 === undefined || !contains6(network.plan6.subnet, address))
    problems.push(`no configured subnet or ip-range contain the IP address ${text}`);
  return address;
}

function checkInterfaceName(name: string): void {
  if (!/^[^\s/:%]{1,15}$/.test(name) || ["lo", ".", "..", "all", "default"].includes(name))
    throw new Fault("invalid", `invalid interface name: ${JSON.stringify(name)}`);
}

function isUnicastMac(text: string): boolean {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text) && (Number.parseInt(text.slice(0, 2), 16) & 1) === 0;
}

/** The endpoint of a container in a network. Its ports are not published yet. */
export function endpointOn(
  network: LiveNetwork,
  request: EndpointRequest,
  { settings }: WantedNetwork,
  place: Place,
): Endpoint {
  const { plan, plan6 } = network;
  const aliases = settings.Aliases ?? [];
  const links = settings.Links ?? [];
  return {
    ...bareEndpoint(network.record, request),
    address: place.address === undefined ? "" : formatAddress(place.address),
    prefixLength: plan?.subnet.prefix ?? 0,
    gateway: network.gateway,
    mac: place.mac,
    ...(place.address6 !== undefined && {
      address6: formatAddress6(place.address6),
      prefixLength6: plan6?.subnet.prefix ?? 0,
      gateway6: network.gateway6,
    }),
    ...(place.hostName !== "" && { hostInterface: place.hostName }),
    ...(place.name !== "eth0" && { interfaceName: place.name }),
    aliases,
    dnsNames: namesOf(request, aliases),
    ...(links.length > 0 && { links }),
    ...(request.dns !== undefined && request.dns.length > 0 && { dns: request.dns }),
    ...((settings.GwPriority ?? 0) !== 0 && { gwPriority: settings.GwPriority ?? 0 }),
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

/** What the default routes lead through: `four` and `six` may be different networks. */
export interface Gateways {
  readonly four: Endpoint | undefined;
  readonly six: Endpoint | undefined;
}

/**
 * Which endpoints the default routes lead through: of those that lead anywhere, the one with the highest priority, then one
 * that has both IPv4 and IPv6, then the first by the network's name.
 */
export function gatewaysOf(endpoints: readonly Endpoint[]): Gateways {
  const isDual = (endpoint: Endpoint) => hasFour(endpoint) && hasSix(endpoint);
  const sorted = [...endpoints].sort(
    (one, other) =>
      (other.gwPriority ?? 0) - (one.gwPriority ?? 0) ||
      Number(isDual(other)) - Number(isDual(one)) ||
      (one.networkName < other.networkName ? -1 : 1),
  );
  return { four: sorted.find(hasFour), six: sorted.find(hasSix) };
}

function hasFour({ gateway }: Endpoint): boolean {
  return gateway !== "";
}

function hasSix({ gateway6 = "" }: Endpoint): boolean {
  return gateway6 !== "";
}
