import type { EndpointSettings } from "#api/docker/container.ts";
import type { ContainerRecord } from "#engine/containers/record.ts";
import type { Endpoint } from "#engine/network/networks.ts";

/**
 * A container's networks as inspect and list show them: what was asked for, and what it was given while it runs.
 *
 * @see Docker Engine API v1.51, definition EndpointSettings
 */
export function endpointViews(record: ContainerRecord, version: number): Readonly<Record<string, object>> {
  const { endpoints = [], endpointsConfig } = record;
  return Object.fromEntries(
    Object.entries(endpointsConfig)
      .map(([ref, asked]) => {
        const given = endpoints.find(
          ({ networkName, networkId }) => networkName === ref || networkId.startsWith(ref),
        );
        return [given?.networkName ?? ref, endpointView(record, asked, given, version)] as const;
      })
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

function endpointView(
  { id }: ContainerRecord,
  asked: Partial<EndpointSettings>,
  given: Endpoint | undefined,
  version: number,
): object {
  const known = given?.aliases ?? asked.Aliases ?? [];
  const aliases = known.length === 0 ? (asked.Aliases ?? null) : known;
  return {
    IPAMConfig: asked.IPAMConfig ?? null,
    Links: asked.Links ?? null,
    Aliases: aliases !== null && version < 44 ? [...aliases, id.slice(0, 12)] : aliases,
    MacAddress: given?.mac ?? asked.MacAddress ?? "",
    DriverOpts: asked.DriverOpts ?? null,
    GwPriority: asked.GwPriority ?? 0,
    NetworkID: given?.networkId ?? "",
    EndpointID: given?.endpointId ?? "",
    Gateway: given?.gateway ?? "",
    IPAddress: given?.address ?? "",
    IPPrefixLen: given?.prefixLength ?? 0,
    IPv6Gateway: given?.gateway6 ?? "",
    GlobalIPv6Address: given?.address6 ?? "",
    GlobalIPv6PrefixLen: given?.prefixLength6 ?? 0,
    DNSNames: given === undefined || given.networkName === "bridge" ? null : given.dnsNames,
  };
}

/** `NetworkSettings` of inspect; before 1.52 the default bridge's addresses stand at the top too. */
export function networkSettings(record: ContainerRecord, version: number): object {
  const { endpoints = [] } = record;
  const common = {
    SandboxID: endpoints[0]?.endpointId ?? "",
    SandboxKey: "",
    Ports: publishedPorts(endpoints),
  };
  const Networks = endpointViews(record, version);
  if (version >= 52) return { ...common, Networks };
  const legacy = endpoints.find(({ networkName }) => networkName === "bridge");
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
    GlobalIPv6Address: legacy?.address6 ?? "",
    GlobalIPv6PrefixLen: legacy?.prefixLength6 ?? 0,
    IPAddress: legacy?.address ?? "",
    IPPrefixLen: legacy?.prefixLength ?? 0,
    IPv6Gateway: legacy?.gateway6 ?? "",
    MacAddress: legacy?.mac ?? "",
    Networks,
  };
}

/** Of whichever networks it is in; nothing is published where no network leads out. */
function publishedPorts(endpoints: readonly Endpoint[]): Endpoint["ports"] {
  return Object.assign({}, ...endpoints.map(({ ports }) => ports));
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
  for (const [key, bindings] of Object.entries(publishedPorts(record.endpoints ?? []))) {
    const [port = "0", Type = "tcp"] = key.split("/");
    const PrivatePort = Number(port);
    if (bindings === null || bindings.length === 0) summaries.push({ PrivatePort, Type });
    // What is routed has no port of the host's.
    for (const { HostIp, HostPort } of bindings ?? [])
      if (HostPort === "") summaries.push({ IP: HostIp, PrivatePort, Type });
      else summaries.push({ IP: HostIp, PrivatePort, PublicPort: Number(HostPort), Type });
  }
  return summaries.sort((a, b) => a.PrivatePort - b.PrivatePort);
}
