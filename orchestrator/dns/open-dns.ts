import { isIP } from "node:net";
import type { Log } from "#base/log.ts";
import { messageOf } from "#base/fault.ts";
import { endpointSlices, namespaces, services } from "#client/kube/resources.ts";
import type { Upstream } from "#host/dns/forward.ts";
import type { InformerFactory } from "#orchestrator/informers/informer-factory.ts";
import { ClusterDns } from "./cluster-dns.ts";
import { clusterNames } from "./cluster-names.ts";

export interface DnsDeps {
  /** The caller starts it. */
  readonly informers: InformerFactory;
  readonly log: Log;
  /** An address of this node, of the service `kube-dns`. */
  readonly address: string;
  readonly port?: number;
  /** E.g. `cluster.local`. */
  readonly domain: string;
  /** The beginnings of the cluster's own addresses, e.g. `10.96.`: nobody else is asked for their names. */
  readonly ownPrefixes: readonly string[];
  /** The text of the machine's resolv.conf now. */
  readonly resolvConf: () => string;
}

const dnsPort = 53;
const mostServers = 3;
/** Of all pods of the node. */
const mostConnections = 256;

/**
 * The cluster's names are answered at the address when it resolves.
 *
 * @throws the kernel's error when the address is not this node's or somebody has it already
 */
export async function openDns(deps: DnsDeps, signal: AbortSignal): Promise<Disposable> {
  const { informers, address, port = dnsPort, domain, ownPrefixes, log } = deps;
  const [all, slices, spaces] = [
    informers.of(services),
    informers.of(endpointSlices),
    informers.of(namespaces),
  ];
  const names = clusterNames({ namespaces: spaces.cache, services: all.cache, slices: slices.cache });
  await Promise.all([all.synced(signal), slices.synced(signal), spaces.synced(signal)]);
  return await ClusterDns.open({
    zone: { names, domain, isOwn: (one) => ownPrefixes.some((prefix) => one.startsWith(prefix)) },
    listen: { address, port, connectionsMax: mostConnections },
    upstreams: () => upstreamsOf(readText(deps.resolvConf, log)).filter((one) => one.address !== address),
  });
}

function readText(read: () => string, log: Log): string {
  try {
    return read();
  } catch (error) {
    log.warn("nobody can be asked for names outside the cluster", { reason: messageOf(error) });
    return "";
  }
}

/** The servers of a resolv.conf, as many as the C library looks at. @see resolv.conf(5) */
export function upstreamsOf(resolvConf: string): readonly Upstream[] {
  return resolvConf
    .split("\n")
    .map((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? "")
    .filter((address) => isIP(address.replace(/%.*/, "")) !== 0)
    .slice(0, mostServers)
    .map((address) => ({ address, port: dnsPort }));
}
