import type { BridgeIPv6 } from "#base/bridge-ipv6.ts";
import { formatAddress, formatSubnet, parseCidr, type Subnet } from "#base/cidr.ts";
import { formatAddress6, formatSubnet6, parseCidr6, type Subnet6 } from "#base/cidr6.ts";
import { type KernelNames, predefinedId } from "./kernel-names.ts";
import type { NetworkRegistry } from "./network-registry.ts";
import type { IpamConfig, NetworkRecord } from "./networks.ts";
import { findAddressPlan6 } from "./plan-ipam.ts";
import { pickSubnet, pickSubnet6 } from "./subnets.ts";

/**
 * Sees to it that the registry has `bridge`, `host` and `none`. The default bridge's subnet is chosen once, where the host has no
 * routes yet, and kept, so that containers that outlive the daemon stay in it; an explicit one replaces it.
 */
export async function ensurePredefined(
  registry: NetworkRegistry,
  options: {
    readonly instance: string;
    readonly names: KernelNames;
    readonly bridgeCidr?: string | undefined;
    readonly bridgeIPv6?: BridgeIPv6 | undefined;
    /** The /48 that its subnet of IPv6 comes from where none is fixed. */
    readonly localPrefix: Subnet6;
    /** Whether containers on the default bridge reach each other. */
    readonly connectsBridge: boolean;
    /** More driver options of the default bridge. */
    readonly bridgeOptions?: Readonly<Record<string, string>> | undefined;
  },
  inUse: () => readonly Subnet[],
  created: string,
): Promise<void> {
  const { instance, names, bridgeCidr, connectsBridge, bridgeOptions = {} } = options;
  for (const name of ["host", "none"] as const)
    registry.keepInMemory({
      ...common(predefinedId(instance, name), name, created),
      driver: name === "host" ? "host" : "null",
      bridge: "",
      options: {},
      ipam: { driver: "default", options: null, config: [] },
    });
  const kept = registry.find("bridge");
  const [four, six] = [false, true].map((isSix) => kept?.ipam.config.find((one) => isOfSix(one) === isSix));
  const keptConfig = four && { Subnet: four.Subnet, Gateway: four.Gateway ?? "" };
  const config = bridgeCidr === undefined ? (keptConfig ?? chosenConfig(inUse())) : configOf(bridgeCidr);
  const configs = withSix(config, six, options, othersSix(registry));
  const isSame = JSON.stringify(kept?.ipam.config) === JSON.stringify(configs);
  const chosen = { ...bridgeOptions, [iccOption]: String(connectsBridge) };
  if (isSame && Object.entries(chosen).every(([name, value]) => kept?.options[name] === value)) return;
  const id = predefinedId(instance, "bridge");
  const record = defaultBridge(id, names, configs, isSame ? (kept?.created ?? created) : created);
  await registry.add({ ...record, options: { ...record.options, ...chosen } });
}

function isOfSix({ Subnet: text }: IpamConfig): boolean {
  return text.includes(":");
}

function othersSix(registry: NetworkRegistry): readonly Subnet6[] {
  return registry.list().flatMap((network) => findAddressPlan6(network)?.subnet ?? []);
}

/** In Docker's order: a fixed subnet first, one of our own last. */
function withSix(
  four: IpamConfig,
  kept: IpamConfig | undefined,
  {
    bridgeIPv6,
    localPrefix,
  }: { readonly bridgeIPv6?: BridgeIPv6 | undefined; readonly localPrefix: Subnet6 },
  inUse: readonly Subnet6[],
): readonly IpamConfig[] {
  if (bridgeIPv6 === undefined) return [four];
  const { fixedCidr } = bridgeIPv6;
  if (fixedCidr !== undefined) {
    const subnet = formatSubnet6(parseCidr6(fixedCidr).subnet);
    return [{ Subnet: subnet, IPRange: subnet }, four];
  }
  const isOwn = kept?.IPRange === undefined;
  return [four, kept !== undefined && isOwn ? kept : ownSix(localPrefix, inUse)];
}

function ownSix(localPrefix: Subnet6, inUse: readonly Subnet6[]): IpamConfig {
  const subnet = pickSubnet6(localPrefix, inUse);
  return { Subnet: formatSubnet6(subnet), Gateway: formatAddress6(subnet.base + 1n) };
}

const iccOption = "com.docker.network.bridge.enable_icc";

function chosenConfig(inUse: readonly Subnet[]): IpamConfig {
  const subnet = pickSubnet(inUse);
  return { Subnet: formatSubnet(subnet), Gateway: formatAddress(subnet.base + 1) };
}

/** `172.30.0.1/16` names the host's address on the bridge, `172.30.0.0/16` leaves it to us. */
function configOf(cidr: string): IpamConfig {
  const { address, subnet } = parseCidr(cidr);
  const gateway = address === subnet.base ? subnet.base + 1 : address;
  return { Subnet: formatSubnet(subnet), Gateway: formatAddress(gateway) };
}

function defaultBridge(
  id: string,
  names: KernelNames,
  config: readonly IpamConfig[],
  created: string,
): NetworkRecord {
  return {
    ...common(id, "bridge", created),
    driver: "bridge",
    hasIPv6: config.some(isOfSix),
    bridge: names.defaultBridge,
    options: {
      "com.docker.network.bridge.default_bridge": "true",
      "com.docker.network.bridge.enable_icc": "true",
      "com.docker.network.bridge.enable_ip_masquerade": "true",
      "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
      "com.docker.network.bridge.name": names.defaultBridge,
      "com.docker.network.driver.mtu": "1500",
    },
    ipam: { driver: "default", options: null, config },
  };
}

function common(id: string, name: string, created: string) {
  return {
    id,
    name,
    created,
    isInternal: false,
    isAttachable: false,
    hasIPv6: false,
    hasChosenSubnet: false,
    labels: {},
  };
}
