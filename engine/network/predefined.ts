import { formatAddress, formatSubnet, parseCidr, type Subnet } from "#base/cidr.ts";
import { type KernelNames, predefinedId } from "./kernel-names.ts";
import type { NetworkRegistry } from "./network-registry.ts";
import type { NetworkRecord } from "./networks.ts";
import { pickSubnet } from "./subnets.ts";

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
  const [before] = kept?.ipam.config ?? [];
  const keptConfig =
    before === undefined ? undefined : { Subnet: before.Subnet ?? "", Gateway: before.Gateway ?? "" };
  const config = bridgeCidr === undefined ? (keptConfig ?? chosenConfig(inUse())) : configOf(bridgeCidr);
  const isSame = before?.Subnet === config.Subnet && before.Gateway === config.Gateway;
  const chosen = { ...bridgeOptions, [iccOption]: String(connectsBridge) };
  if (isSame && Object.entries(chosen).every(([name, value]) => kept?.options[name] === value)) return;
  const id = predefinedId(instance, "bridge");
  const record = defaultBridge(id, names, config, isSame ? (kept?.created ?? created) : created);
  await registry.add({ ...record, options: { ...record.options, ...chosen } });
}

const iccOption = "com.docker.network.bridge.enable_icc";

interface BridgeConfig {
  readonly Subnet: string;
  readonly Gateway: string;
}

function chosenConfig(inUse: readonly Subnet[]): BridgeConfig {
  const subnet = pickSubnet(inUse);
  return { Subnet: formatSubnet(subnet), Gateway: formatAddress(subnet.base + 1) };
}

/** `172.30.0.1/16` names the host's address on the bridge, `172.30.0.0/16` leaves it to us. */
function configOf(cidr: string): BridgeConfig {
  const { address, subnet } = parseCidr(cidr);
  const gateway = address === subnet.base ? subnet.base + 1 : address;
  return { Subnet: formatSubnet(subnet), Gateway: formatAddress(gateway) };
}

function defaultBridge(id: string, names: KernelNames, config: BridgeConfig, created: string): NetworkRecord {
  return {
    ...common(id, "bridge", created),
    driver: "bridge",
    bridge: names.defaultBridge,
    options: {
      "com.docker.network.bridge.default_bridge": "true",
      "com.docker.network.bridge.enable_icc": "true",
      "com.docker.network.bridge.enable_ip_masquerade": "true",
      "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
      "com.docker.network.bridge.name": names.defaultBridge,
      "com.docker.network.driver.mtu": "1500",
    },
    ipam: { driver: "default", options: null, config: [config] },
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
