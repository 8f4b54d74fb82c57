import type { ResolverClient } from "./dns/resolver.ts";
import type { LiveNetwork } from "./live-network.ts";
import type { Endpoint } from "./networks.ts";
import { forwardServers, parseResolvConf } from "./resolv-conf.ts";

/** A container's place in a network, with the network. */
export interface Joined {
  readonly network: LiveNetwork;
  readonly endpoint: Endpoint;
}

/**
 * What the resolver has to know of a container; undefined when it is in no user-defined network and asks the host's servers
 * itself.
 */
export function resolverClient(
  containerId: string,
  joined: readonly Joined[],
  readHostResolvConf: () => string,
): Omit<ResolverClient, "netnsPath"> | undefined {
  const embedded = joined.filter(({ network }) => network.isEmbedded);
  const [first] = embedded;
  if (first === undefined) return undefined;
  const leadsOut = ({ gateway, gateway6 = "" }: Endpoint) => gateway !== "" || gateway6 !== "";
  return {
    containerId,
    entries: embedded.map(({ network, endpoint }) => ({
      endpointId: endpoint.endpointId,
      networkId: network.record.id,
      networkName: network.record.name,
      names: endpoint.dnsNames,
      addresses: { four: endpoint.address, six: endpoint.address6 ?? "" },
    })),
    links: embedded.flatMap(({ network, endpoint }) =>
      (endpoint.links ?? []).map((link) => {
        const [target = "", alias = target] = link.split(":");
        return { networkId: network.record.id, alias: alias.split("/").at(-1) ?? alias, target };
      }),
    ),
    isConfined: !joined.some(({ endpoint }) => leadsOut(endpoint)),
    upstreams: forwardServers(parseResolvConf(readHostResolvConf()), first.endpoint.dns ?? []),
  };
}
