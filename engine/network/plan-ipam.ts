import type { NetworkCreateBody } from "#api/docker/shapes.ts";
import { Fault } from "#base/fault.ts";
import {
  contains,
  findAddress,
  formatAddress,
  formatSubnet,
  isWithin,
  overlaps,
  parseCidr,
  type Subnet,
} from "#base/cidr.ts";
import {
  contains6,
  findAddress6,
  formatAddress6,
  formatSubnet6,
  isWithin6,
  overlaps6,
  parseCidr6,
  type Subnet6,
} from "#base/cidr6.ts";
import type { IpamConfig, NetworkRecord } from "./networks.ts";
import { pickSubnet, pickSubnet6 } from "./subnets.ts";

/** Where a network's addresses come from. */
export interface AddressPlan {
  readonly subnet: Subnet;
  readonly range: Subnet;
  readonly gateway: number;
  /** Never handed out. */
  readonly reserved: readonly number[];
}

/** The same of IPv6. */
export interface AddressPlan6 {
  readonly subnet: Subnet6;
  readonly range: Subnet6;
  readonly gateway: bigint;
  readonly reserved: readonly bigint[];
}

type AskedIpam = NonNullable<NonNullable<NetworkCreateBody["IPAM"]>["Config"]>[number];

export interface IpamWishes {
  readonly asked: readonly AskedIpam[];
  readonly hasIPv4: boolean;
  readonly hasIPv6: boolean;
  readonly networks: readonly NetworkRecord[];
  /** What the host uses, for choosing a subnet. */
  readonly inUse: readonly Subnet[];
  /** The /48 that default IPv6 subnets come from. @see RFC 4193 */
  readonly localPrefix: Subnet6;
}

/**
 * The subnets of a network to be made: those asked for, then a default one for each family that has none.
 *
 * @throws {Fault} `invalid`; `forbidden` for subnets that overlap another network's; `exhausted` when no default is left
 */
export function planIpam(wishes: IpamWishes): readonly IpamConfig[] {
  const { hasIPv4, hasIPv6, networks } = wishes;
  const given = wishes.asked.filter((config) => Object.values(config).some((value) => value !== ""));
  const configs = checkShapes(given);
  const others = networks.flatMap((network) => findAddressPlan(network)?.subnet ?? []);
  const others6 = networks.flatMap((network) => findAddressPlan6(network)?.subnet ?? []);
  for (const config of configs) {
    const isTaken = isSix(config)
      ? others6.some((other) => overlaps6(other, parseCidr6(config.Subnet).subnet))
      : others.some((other) => overlaps(other, parseCidr(config.Subnet).subnet));
    if (isTaken)
      throw new Fault(
        "forbidden",
        "invalid pool request: Pool overlaps with other one on this address space",
      );
  }
  const [four, six] = [configs.filter((config) => !isSix(config)), configs.filter(isSix)];
  if (four.length > 1 || six.length > 1)
    throw new Fault("forbidden", "bridge driver doesn't support multiple subnets");
  return [
    ...four,
    ...six,
    ...(hasIPv4 && four.length === 0 ? [defaultIpam([...others, ...wishes.inUse])] : []),
    ...(hasIPv6 && six.length === 0 ? [defaultIpam6(wishes.localPrefix, others6)] : []),
  ];
}

function isSix({ Subnet: text }: { readonly Subnet: string }): boolean {
  return text.includes(":");
}

/** What is wrong with any of them, all at once, as Docker tells it. */
function checkShapes(asked: readonly AskedIpam[]): readonly IpamConfig[] {
  const problems: string[] = [];
  const configs = asked.flatMap((config) => {
    try {
      return [checkIpam(config)];
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      problems.push(error.message);
      return [];
    }
  });
  if (problems.length > 0) throw new Fault("invalid", `invalid network config:\n${problems.join("\n")}`);
  return configs;
}

function checkIpam(asked: AskedIpam): IpamConfig {
  const text = asked.Subnet ?? "";
  const config: IpamConfig = {
    Subnet: canonical(text),
    ...(isGiven(asked.IPRange) && { IPRange: asked.IPRange }),
    ...(isGiven(asked.Gateway) && { Gateway: asked.Gateway }),
    ...(asked.AuxiliaryAddresses !== undefined && { AuxiliaryAddresses: asked.AuxiliaryAddresses }),
  };
  if (isSix(config)) addressPlan6Of(config);
  else addressPlanOf(config);
  return config;
}

function canonical(text: string): string {
  let subnet: string;
  try {
    const isIPv6 = text.includes(":");
    subnet = isIPv6 ? formatSubnet6(parseCidr6(text).subnet) : formatSubnet(parseCidr(text).subnet);
    const isSame = isIPv6 ? parseCidr6(text).address === parseCidr6(subnet).address : text === subnet;
    if (isSame) return subnet;
  } catch {
    throw new Fault("invalid", `invalid subnet ${text}: invalid CIDR block notation`);
  }
  throw new Fault("invalid", `invalid subnet ${text}: it should be ${subnet}`);
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== "";
}

function defaultIpam(inUse: readonly Subnet[]): IpamConfig {
  const subnet = pickSubnet(inUse);
  return { Subnet: formatSubnet(subnet), Gateway: formatAddress(subnet.base + 1) };
}

function defaultIpam6(local: Subnet6, inUse: readonly Subnet6[]): IpamConfig {
  const subnet = pickSubnet6(local, inUse);
  return { Subnet: formatSubnet6(subnet), Gateway: formatAddress6(subnet.base + 1n) };
}

/** Undefined for networks without IPv4 addresses: host, none, and those of IPv6 alone. */
export function findAddressPlan(network: NetworkRecord): AddressPlan | undefined {
  if (network.hasIPv4 === false || network.isConfigOnly === true) return undefined;
  const config = network.ipam.config.find((candidate) => !isSix(candidate));
  return config === undefined ? undefined : addressPlanOf(config);
}

/** Undefined for networks without IPv6. */
export function findAddressPlan6(network: NetworkRecord): AddressPlan6 | undefined {
  const hasSix = network.hasIPv6 && network.isConfigOnly !== true;
  const config = hasSix ? network.ipam.config.find(isSix) : undefined;
  return config === undefined ? undefined : addressPlan6Of(config);
}

/** @throws {Fault} `invalid` when gateway, range or auxiliary addresses are not inside the subnet */
export function addressPlanOf(config: IpamConfig): AddressPlan {
  const { subnet } = parseCidr(config.Subnet);
  const inside = (text: string, what: string): number => {
    const address = findAddress(text);
    if (address === undefined || !contains(subnet, address)) throw outside(text, what, config);
    return address;
  };
  const range = config.IPRange === undefined ? subnet : parseCidr(config.IPRange).subnet;
  if (!isWithin(range, subnet)) throw outside(config.IPRange ?? "", "ip-range", config);
  // Of two addresses the first, of one the one: there is no room for the network's own.
  const first = subnet.base + (subnet.prefix < 31 ? 1 : 0);
  const gateway = config.Gateway === undefined ? first : inside(config.Gateway, "gateway address");
  const auxiliary = Object.values(config.AuxiliaryAddresses ?? {});
  return {
    subnet,
    range,
    gateway,
    reserved: [gateway, ...auxiliary.map((text) => inside(text, "auxiliary address"))],
  };
}

/** As {@link addressPlanOf}. */
export function addressPlan6Of(config: IpamConfig): AddressPlan6 {
  const { subnet } = parseCidr6(config.Subnet);
  const inside = (text: string, what: string): bigint => {
    const address = findAddress6(text);
    if (address === undefined || !contains6(subnet, address)) throw outside(text, what, config);
    return address;
  };
  const range = config.IPRange === undefined ? subnet : parseCidr6(config.IPRange).subnet;
  if (!isWithin6(range, subnet)) throw outside(config.IPRange ?? "", "ip-range", config);
  const first = subnet.base + (subnet.prefix < 127 ? 1n : 0n);
  const gateway = config.Gateway === undefined ? first : inside(config.Gateway, "gateway address");
  const auxiliary = Object.values(config.AuxiliaryAddresses ?? {});
  return {
    subnet,
    range,
    gateway,
    reserved: [gateway, ...auxiliary.map((text) => inside(text, "auxiliary address"))],
  };
}

function outside(text: string, what: string, config: IpamConfig): Fault {
  return new Fault("invalid", `invalid ${what} ${text}: not in subnet ${config.Subnet}`);
}
