import {
  booleanFilter,
  type Filters,
  matchesLabels,
  matchesPattern,
  valuesFor,
} from "#api/docker/filters.ts";
import { Fault } from "#base/fault.ts";
import { predefinedNames } from "./plan-network.ts";
import type { Member, NetworkRecord } from "./networks.ts";

/** The keys that `GET /networks` takes in `filters`. */
export const networkFilterKeys: readonly string[] = [
  "dangling",
  "driver",
  "id",
  "label",
  "name",
  "scope",
  "type",
];

/**
 * A network as `GET /networks` and, with its members, `GET /networks/{id}` show it. Before 1.28 the list shows members too.
 *
 * @see Docker Engine API v1.51, definitions Network and NetworkContainer
 */
export function networkView(
  network: NetworkRecord,
  version: number,
  members: readonly Member[] | undefined,
): object {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: network.scope ?? "local",
    Driver: network.driver,
    EnableIPv4:
      network.hasIPv4 ??
      (isUnmanaged(network) || network.ipam.config.length > 0 || network.isConfigOnly === true),
    EnableIPv6: network.hasIPv6,
    IPAM: {
      Driver: network.ipam.driver,
      Options: network.ipam.options,
      Config: isUnmanaged(network) ? null : network.ipam.config,
    },
    Internal: network.isInternal,
    Attachable: network.isAttachable,
    Ingress: false,
    ConfigFrom: { Network: network.configFrom ?? "" },
    ConfigOnly: network.isConfigOnly ?? false,
    ...(version < 52 || members !== undefined ? { Containers: containersOf(members ?? []) } : {}),
    Options: network.options,
    Labels: network.labels,
  };
}

/** `host` and `none`, whose addresses are nobody's. */
function isUnmanaged({ driver }: NetworkRecord): boolean {
  return driver === "host" || driver === "null";
}

function containersOf(members: readonly Member[]): object {
  return Object.fromEntries(
    members.map(({ containerId, endpoint }) => [
      containerId,
      {
        Name: endpoint.dnsNames[0] ?? "",
        EndpointID: endpoint.endpointId,
        MacAddress: endpoint.mac,
        IPv4Address: endpoint.address === "" ? "" : `${endpoint.address}/${endpoint.prefixLength}`,
        IPv6Address: endpoint.address6 === undefined ? "" : `${endpoint.address6}/${endpoint.prefixLength6}`,
      },
    ]),
  );
}

/**
 * Whether the filters of `GET /networks` pick the network.
 *
 * @throws {Fault} `invalid` for values that a key does not take
 */
export function matchesNetwork(filters: Filters, network: NetworkRecord, isUsed: boolean): boolean {
  const isPredefined = predefinedNames.includes(network.name);
  const isDangling = booleanFilter(filters, "dangling");
  const types = valuesFor(filters, "type");
  for (const type of types)
    if (type !== "custom" && type !== "builtin")
      throw new Fault("internal", `invalid filter: 'type'='${type}'`);
  const holds = (key: string, test: (value: string) => boolean) => {
    const values = valuesFor(filters, key);
    return values.length === 0 || values.some(test);
  };
  return (
    holds("driver", (driver) => driver === network.driver) &&
    matchesPattern(filters, "id", network.id) &&
    matchesPattern(filters, "name", network.name) &&
    holds("scope", (scope) => scope === (network.scope ?? "local")) &&
    holds("type", (type) => (type === "builtin") === isPredefined) &&
    (isDangling === undefined || (isDangling ? !isUsed && !isPredefined : isUsed)) &&
    matchesLabels(filters, network.labels)
  );
}
