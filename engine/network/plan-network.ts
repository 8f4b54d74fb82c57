import { isIP } from "node:net";
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
} from "./cidr.ts";
import { readBridgeOptions } from "./bridge-options.ts";
import { bridgeOf } from "./kernel-names.ts";
import type { IpamConfig, NetworkRecord } from "./networks.ts";
import { pickSubnet } from "./subnets.ts";

export const predefinedNames: readonly string[] = ["bridge", "host", "none", "default"];

/** Where a network's addresses come from. */
export interface AddressPlan {
  readonly subnet: Subnet;
  readonly range: Subnet;
  readonly gateway: number;
  /** Never handed out. */
  readonly reserved: readonly number[];
}

/**
 * The record of a network to be made.
 *
 * @throws {Fault} `invalid`; `forbidden` for predefined names and for subnets that overlap another network's; `conflict` for a taken name; `not-found` for
 * drivers; `exhausted` when no subnet was asked for and none is left
 */
export function planNetwork(
  body: NetworkCreateBody,
  given: {
    readonly id: string;
    readonly created: string;
    readonly networks: readonly NetworkRecord[];
    /** What the host uses, for choosing a subnet. */
    readonly inUse: readonly Subnet[];
  },
): NetworkRecord {
  const name = checkName(body);
  if (given.networks.some((other) => other.name === name))
    throw new Fault("conflict", `network with name ${name} already exists`);
  const options = body.Options ?? {};
  const { bridgeName } = readBridgeOptions(options);
  const others = given.networks.flatMap((network) => {
    const plan = findAddressPlan(network);
    return plan === undefined ? [] : [plan.subnet];
  });
  const asked = (body.IPAM?.Config ?? [])
    .filter((config) => Object.values(config).some((value) => value !== ""))
    .map((config) => checkIpam(config, others));
  const chosen = asked.find((config) => !config.Subnet.includes(":"));
  const config = chosen === undefined ? [...asked, defaultIpam([...others, ...given.inUse])] : asked;
  return {
    id: given.id,
    name,
    created: given.created,
    driver: "bridge",
    bridge: bridgeName === "" ? bridgeOf(given.id) : bridgeName,
    isInternal: body.Internal ?? false,
    isAttachable: body.Attachable ?? false,
    hasIPv6: body.EnableIPv6 ?? false,
    hasChosenSubnet: chosen !== undefined,
    options,
    labels: body.Labels ?? {},
    ipam: { driver: "default", options: body.IPAM?.Options ?? null, config },
  };
}

function checkName(body: NetworkCreateBody): string {
  const name = body.Name ?? "";
  if (name.trim() === "") throw new Fault("invalid", "invalid name: name is empty");
  if (/[/\0\n]/.test(name) || name.length > 255) throw new Fault("invalid", `invalid name: ${name}`);
  if (predefinedNames.includes(name))
    throw new Fault("forbidden", `operation is not permitted on predefined ${name} network `);
  const driver = body.Driver ?? "bridge";
  if (driver === "host" || driver === "null")
    throw new Fault("forbidden", `only one instance of "${driver}" network is allowed`);
  if (driver !== "bridge" && driver !== "") throw new Fault("not-found", `plugin "${driver}" not found`);
  if (body.ConfigOnly === true || (body.ConfigFrom?.Network ?? "") !== "" || body.Ingress === true)
    throw new Fault("not-implemented", "config-only and ingress networks are not supported");
  const ipam = body.IPAM?.Driver ?? "default";
  if (ipam !== "default" && ipam !== "") throw new Fault("not-found", `ipam driver "${ipam}" not found`);
  if (body.EnableIPv4 === false) throw new Fault("invalid", "IPv4 must be enabled");
  return name;
}

type AskedIpam = NonNullable<NonNullable<NetworkCreateBody["IPAM"]>["Config"]>[number];

function checkIpam(asked: AskedIpam, others: readonly Subnet[]): IpamConfig {
  const text = asked.Subnet ?? "";
  if (text.includes(":")) return checkIpv6(asked, text);
  const { subnet } = parseCidr(text);
  if (others.some((other) => overlaps(other, subnet)))
    throw new Fault("forbidden", "invalid pool request: Pool overlaps with other one on this address space");
  if (subnet.prefix > 30)
    throw new Fault("invalid", `subnet ${text} is too small: it has no room for a gateway and a container`);
  const config: IpamConfig = {
    Subnet: formatSubnet(subnet),
    ...(isGiven(asked.IPRange) && { IPRange: asked.IPRange }),
    Gateway: isGiven(asked.Gateway) ? asked.Gateway : formatAddress(subnet.base + 1),
    ...(asked.AuxiliaryAddresses !== undefined && { AuxiliaryAddresses: asked.AuxiliaryAddresses }),
  };
  addressPlanOf(config);
  return config;
}

function checkIpv6(asked: AskedIpam, text: string): IpamConfig {
  const [address = "", prefix = ""] = text.split("/");
  if (isIP(address) !== 6 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > 128)
    throw new Fault("invalid", `invalid CIDR address: ${text}`);
  return { Subnet: text, ...(isGiven(asked.Gateway) && { Gateway: asked.Gateway }) };
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== "";
}

function defaultIpam(inUse: readonly Subnet[]): IpamConfig {
  const subnet = pickSubnet(inUse);
  return { Subnet: formatSubnet(subnet), Gateway: formatAddress(subnet.base + 1) };
}

/** Undefined for networks without IPv4 addresses: host and none. */
export function findAddressPlan(network: NetworkRecord): AddressPlan | undefined {
  const config = network.ipam.config.find(({ Subnet }) => !Subnet.includes(":"));
  return config === undefined ? undefined : addressPlanOf(config);
}

/** @throws {Fault} `invalid` when gateway, range or auxiliary addresses are not inside the subnet */
export function addressPlanOf(config: IpamConfig): AddressPlan {
  const { subnet } = parseCidr(config.Subnet);
  const inside = (text: string, what: string): number => {
    const address = findAddress(text);
    if (address === undefined || !contains(subnet, address))
      throw new Fault("invalid", `invalid ${what} ${text}: not in subnet ${config.Subnet}`);
    return address;
  };
  const range = config.IPRange === undefined ? subnet : parseCidr(config.IPRange).subnet;
  if (!isWithin(range, subnet))
    throw new Fault("invalid", `invalid ip-range ${config.IPRange}: not in subnet ${config.Subnet}`);
  const gateway = config.Gateway === undefined ? subnet.base + 1 : inside(config.Gateway, "gateway address");
  const auxiliary = Object.values(config.AuxiliaryAddresses ?? {});
  return {
    subnet,
    range,
    gateway,
    reserved: [gateway, ...auxiliary.map((text) => inside(text, "auxiliary address"))],
  };
}
