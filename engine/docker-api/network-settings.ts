import type { EndpointSettings } from "#api/docker/container.ts";
import type { ContainerRecord } from "#engine/containers/record.ts";

/**
 * A container's networks as inspect and list show them: what was asked for, and what it was given while it runs.
 *
 * @see Docker Engine API v1.51, definition EndpointSettings
 */
export function endpointViews(record: ContainerRecord, version: number): Readonly<Record<string, object>> {
  const { endpoint, endpointsConfig, hostConfig } = record;
  const names = new Set(Object.keys(endpointsConfig));
  if (names.size === 0 && !hostConfig.NetworkMode.startsWith("container:"))
    names.add(hostConfig.NetworkMode === "default" ? "bridge" : hostConfig.NetworkMode);
  const views: [string, object][] = [];
  for (const name of names) {
    const isOwn = endpoint !== undefined && (endpoint.networkName === name || endpoint.networkId === name);
    views.push([name, endpointView(record, endpointsConfig[name] ?? {}, isOwn, version)]);
  }
  return Object.fromEntries(views);
}

function endpointView(
  { endpoint, id }: ContainerRecord,
  asked: Partial<EndpointSettings>,
  isConnected: boolean,
  version: number,
): object {
  const given = isConnected ? endpoint : undefined;
  const known = given?.aliases ?? asked.Aliases ?? [];
  const aliases = known.length === 0 ? null : known;
  return {
    IPAMConfig: asked.IPAMConfig ?? null,
    Links: asked.Links ?? null,
    Aliases: aliases !== null && version < 44 ? [...aliases, id.slice(0, 12)] : aliases,
    MacAddress: given?.mac ?? asked.MacAddress ?? "",
    DriverOpts: asked.DriverOpts ?? null,
    ...(version >= 48 && { GwPriority: asked.GwPriority ?? 0 }),
    NetworkID: given?.networkId ?? "",
    EndpointID: given?.endpointId ?? "",
    Gateway: given?.gateway ?? "",
    IPAddress: given?.address ?? "",
    IPPrefixLen: given?.prefixLength ?? 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    ...(version >= 44 && { DNSNames: given?.dnsNames ?? null }),
  };
}

/** `NetworkSettings` of inspect; before 1.52 the default bridge's addresses stand at the top too. */
export function networkSettings(record: ContainerRecord, version: number): object {
  const { endpoint } = record;
  const common = {
    SandboxID: endpoint?.endpointId ?? "",
    SandboxKey: "",
    Ports: endpoint?.ports ?? {},
  };
  const Networks = endpointViews(record, version);
  if (version >= 52) return { ...common, Networks };
  const legacy = endpoint?.networkName === "bridge" ? endpoint : undefined;
  return {
    Bridge: "",
    ...common,
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: legacy?.endpointId ?? "",
    Gateway: legacy?.gateway ?? "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    IPAddress: legacy?.address ?? "",
    IPPrefixLen: legacy?.prefixLength ?? 0,
    IPv6Gateway: "",
    MacAddress: legacy?.mac ?? "",
    Networks,
  };
}

interface PortSummary {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

/** `Ports` of the list, by private port. */
export function portSummaries(record: ContainerRecord): readonly PortSummary[] {
  const summaries: PortSummary[] = [];
  for (const [key, bindings] of Object.entries(record.endpoint?.ports ?? {})) {
    const [port = "0", Type = "tcp"] = key.split("/");
    const PrivatePort = Number(port);
    if (bindings === null || bindings.length === 0) summaries.push({ PrivatePort, Type });
    for (const { HostIp, HostPort } of bindings ?? [])
      summaries.push({ IP: HostIp, PrivatePort, PublicPort: Number(HostPort), Type });
  }
  return summaries.sort((a, b) => a.PrivatePort - b.PrivatePort);
}
