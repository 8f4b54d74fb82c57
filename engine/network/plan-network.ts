import type { NetworkCreateBody } from "#api/docker/shapes.ts";
import { Fault } from "#base/fault.ts";
import { readBridgeOptions } from "./bridge-options.ts";
import type { Subnet } from "#base/cidr.ts";
import type { Subnet6 } from "#base/cidr6.ts";
import { bridgeOf } from "./kernel-names.ts";
import { checkMacvlan } from "./macvlan-options.ts";
import type { NetworkRecord } from "./networks.ts";
import { planIpam } from "./plan-ipam.ts";

export const predefinedNames: readonly string[] = ["bridge", "host", "none", "default"];

export interface NetworkPlanInput {
  readonly id: string;
  readonly created: string;
  readonly networks: readonly NetworkRecord[];
  /** What the host uses, for choosing a subnet. */
  readonly inUse: readonly Subnet[];
  readonly localPrefix: Subnet6;
}

/**
 * The record of a network to be made.
 *
 * @throws {Fault} `invalid`; `forbidden` for predefined names and for subnets that overlap another network's; `conflict` for a
 * taken name; `not-found` for drivers; `exhausted` when no subnet was asked for and none is left
 */
export function planNetwork(asked: NetworkCreateBody, given: NetworkPlanInput): NetworkRecord {
  const name = checkName(asked);
  if (given.networks.some((other) => other.name === name))
    throw new Fault("conflict", `network with name ${name} already exists`);
  if (asked.ConfigOnly === true) return configOnly(asked, name, given);
  const source = findSource(asked, given.networks);
  const body = source === undefined ? asked : { ...asked, ...inherited(source) };
  const driver = checkDriver(body);
  const hasIPv4 = body.EnableIPv4 ?? true;
  const hasIPv6 = body.EnableIPv6 ?? false;
  if (!hasIPv4 && !hasIPv6) throw new Fault("invalid", "IPv4 or IPv6 must be enabled");
  const options = body.Options ?? {};
  const bridge = driver === "bridge" ? bridgeNameOf(given, options, body.Internal ?? false) : "";
  if (driver === "macvlan") checkMacvlan(options);
  const config = planIpam({ ...given, asked: body.IPAM?.Config ?? [], hasIPv4, hasIPv6 });
  const isAsked = (isSix: boolean) =>
    (body.IPAM?.Config ?? []).some(({ Subnet: text = "" }) => text !== "" && text.includes(":") === isSix);
  return {
    id: given.id,
    name,
    created: given.created,
    driver,
    bridge,
    isInternal: body.Internal ?? false,
    isAttachable: body.Attachable ?? false,
    ...(!hasIPv4 && { hasIPv4 }),
    hasIPv6,
    hasChosenSubnet: isAsked(false),
    ...(isAsked(true) && { hasChosenSubnet6: true }),
    ...(source !== undefined && { configFrom: source.name }),
    ...((body.Scope ?? "") !== "" && body.Scope !== "local" && { scope: body.Scope as string }),
    options,
    labels: body.Labels ?? {},
    ipam: { driver: "default", options: body.IPAM?.Options ?? null, config },
  };
}

function bridgeNameOf(
  given: NetworkPlanInput,
  options: Readonly<Record<string, string>>,
  isInternal: boolean,
): string {
  const { bridgeName, gatewayMode, gatewayMode6 } = readBridgeOptions(options);
  if ((gatewayMode === "isolated" || gatewayMode6 === "isolated") && !isInternal)
    throw new Fault("invalid", "gateway mode 'isolated' can only be used for an internal network");
  const other = given.networks.find(({ bridge }) => bridgeName !== "" && bridge === bridgeName);
  if (other !== undefined)
    throw new Fault(
      "forbidden",
      `cannot create network ${given.id} (${bridgeName}): conflicts with network ${other.id} (${bridgeName}): networks have same bridge name`,
    );
  return bridgeName === "" ? bridgeOf(given.id) : bridgeName;
}

function checkName(body: NetworkCreateBody): string {
  const name = body.Name ?? "";
  if (name.trim() === "") throw new Fault("invalid", "invalid name: name is empty");
  if (/[\0\n]/.test(name) || name.length > 255) throw new Fault("invalid", `invalid name: ${name}`);
  if (predefinedNames.includes(name))
    throw new Fault("forbidden", `operation is not permitted on predefined ${name} network `);
  return name;
}

function checkDriver({ Driver: driver = "", IPAM, Ingress }: NetworkCreateBody): "bridge" | "macvlan" {
  if (driver === "host" || driver === "null")
    throw new Fault("forbidden", `only one instance of "${driver}" network is allowed`);
  if (driver !== "bridge" && driver !== "macvlan" && driver !== "")
    throw new Fault("not-found", `plugin "${driver}" not found`);
  if (Ingress === true) throw new Fault("not-implemented", "ingress networks are a swarm's");
  const ipam = IPAM?.Driver ?? "default";
  if (ipam !== "default" && ipam !== "") throw new Fault("not-found", `plugin "${ipam}" not found`);
  return driver === "macvlan" ? "macvlan" : "bridge";
}

/** A network that is nothing but settings for others to take. */
function configOnly(body: NetworkCreateBody, name: string, given: NetworkPlanInput): NetworkRecord {
  if (
    body.Internal === true ||
    body.Attachable === true ||
    body.Ingress === true ||
    (body.Scope ?? "") !== ""
  )
    throw new Fault(
      "forbidden",
      "configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.",
    );
  const config = planIpam({
    ...given,
    networks: [],
    asked: body.IPAM?.Config ?? [],
    hasIPv4: false,
    hasIPv6: false,
  });
  return {
    id: given.id,
    name,
    created: given.created,
    driver: "null",
    bridge: "",
    isInternal: false,
    isAttachable: false,
    hasIPv6: body.EnableIPv6 ?? false,
    ...(body.EnableIPv4 === false && { hasIPv4: false }),
    hasChosenSubnet: config.length > 0,
    isConfigOnly: true,
    options: body.Options ?? {},
    labels: body.Labels ?? {},
    ipam: { driver: "default", options: body.IPAM?.Options ?? null, config },
  };
}

function findSource(
  { ConfigFrom, IPAM, Options }: NetworkCreateBody,
  networks: readonly NetworkRecord[],
): NetworkRecord | undefined {
  const name = ConfigFrom?.Network ?? "";
  if (name === "") return undefined;
  const source = networks.find((network) => network.isConfigOnly === true && network.name === name);
  if (source === undefined) throw new Fault("not-found", `configuration network "${name}" does not exist`);
  if ((IPAM?.Config ?? []).length > 0 || Object.keys(Options ?? {}).length > 0)
    throw new Fault(
      "forbidden",
      "user specified configurations are not supported if the network depends on a configuration network",
    );
  return source;
}

function inherited(source: NetworkRecord): Partial<NetworkCreateBody> {
  const { hasIPv4 = true, hasIPv6, options, labels, ipam } = source;
  return {
    EnableIPv4: hasIPv4,
    EnableIPv6: hasIPv6,
    Options: options,
    Labels: labels,
    IPAM: {
      Driver: ipam.driver,
      ...(ipam.options !== null && { Options: ipam.options }),
      Config: ipam.config,
    },
  };
}
