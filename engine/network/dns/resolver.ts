import { encodeForUdp, replyTo } from "#host/dns/reply.ts";
import { type Asker, planAnswer } from "./answer.ts";
import { DnsServer, type ListenAddress } from "#host/dns/dns-server.ts";
import { forward, type Upstream } from "#host/dns/forward.ts";
import { decodeMessage, encodeMessage, type Message, rcode } from "#host/dns/message.ts";
import type { NamespaceGate } from "./namespace-gate.ts";
import { type ZoneEntry, Zones } from "./zones.ts";

/** A container whose questions are to be answered. Plain data: it crosses to the resolver's thread. */
export interface ResolverClient {
  readonly containerId: string;
  /** Its place in each user-defined network; the first network that knows a name answers. */
  readonly entries: readonly ZoneEntry[];
  /** Names that only it has for others. */
  readonly links: readonly { readonly networkId: string; readonly alias: string; readonly target: string }[];
  /** Where its network namespace can be opened. */
  readonly netnsPath: string;
  /** No question of its leaves its networks. */
  readonly isConfined: boolean;
  /** Who is asked about names that are not the network's, in this order. */
  readonly upstreams: readonly Upstream[];
}

/** Of one container and of all, so that none can use up the daemon's descriptors. */
const FORWARDS_MAX = 64;
const ALL_FORWARDS_MAX = 512;

interface Open {
  readonly client: ResolverClient;
  readonly asker: Asker;
  readonly server: DnsServer;
}

/** The name servers of all containers in user-defined networks. */
export class Resolver {
  readonly #gate: NamespaceGate;
  readonly #listen: ListenAddress;
  readonly #zones = new Zones();
  readonly #open = new Map<string, Open>();
  /** Each container's latest opening: one that was closed meanwhile, or opened again, must not come to life. */
  readonly #openings = new Map<string, object>();
  /** Questions of each container that others have been asked. */
  readonly #forwardsOf = new Map<string, number>();
  #turn = 0;
  #forwards = 0;

  constructor(gate: NamespaceGate, listen: ListenAddress) {
    this.#gate = gate;
    this.#listen = listen;
  }

  /** The names are known to the others, and the container may ask, when it resolves. @throws the kernel's error */
  async open(client: ResolverClient): Promise<void> {
    const { containerId, netnsPath } = client;
    this.close(containerId);
    const opening = {};
    this.#openings.set(containerId, opening);
    const server = await DnsServer.open(this.#gate, netnsPath, this.#listen, (bytes, protocol) =>
      this.#respond(containerId, bytes, protocol),
    );
    if (this.#openings.get(containerId) !== opening) {
      server.close();
      throw new Error("closed while it was opened");
    }
    this.#put({ client, asker: askerOf(client), server });
  }

  /** Other names, networks or links for one that is open. */
  update(client: ResolverClient): void {
    const open = this.#open.get(client.containerId);
    if (open === undefined) return;
    for (const { endpointId } of open.client.entries) this.#zones.remove(endpointId);
    this.#put({ client, asker: askerOf(client), server: open.server });
  }

  close(containerId: string): void {
    this.#openings.delete(containerId);
    const open = this.#open.get(containerId);
    if (open === undefined) return;
    for (const { endpointId } of open.client.entries) this.#zones.remove(endpointId);
    open.server.close();
    this.#open.delete(containerId);
  }

  #put(open: Open): void {
    this.#open.set(open.client.containerId, open);
    for (const entry of open.client.entries) this.#zones.put(entry);
  }

  async #respond(
    containerId: string,
    bytes: Uint8Array,
    protocol: "udp" | "tcp",
  ): Promise<Uint8Array | undefined> {
    const open = this.#open.get(containerId);
    const query = decodeMessage(bytes);
    if (open === undefined || query === undefined || query.isResponse) return undefined;
    this.#turn = (this.#turn + 1) % 0x10000;
    const reply = planAnswer(this.#zones, open.asker, query, this.#turn);
    if (reply !== undefined) return protocol === "udp" ? encodeForUdp(query, reply) : encodeMessage(reply);
    return this.#forward(open.client, { bytes, message: query }, protocol);
  }

  async #forward(
    { containerId, upstreams }: ResolverClient,
    query: { readonly bytes: Uint8Array; readonly message: Message },
    protocol: "udp" | "tcp",
  ): Promise<Uint8Array> {
    const failure = encodeMessage(replyTo(query.message, rcode.serverFailure));
    const own = this.#forwardsOf.get(containerId) ?? 0;
    if (own >= FORWARDS_MAX || this.#forwards >= ALL_FORWARDS_MAX) return failure;
    this.#count(containerId, 1);
    try {
      return (await forward(this.#gate, upstreams, query, protocol)) ?? failure;
    } finally {
      this.#count(containerId, -1);
    }
  }

  #count(containerId: string, step: 1 | -1): void {
    this.#forwards += step;
    const own = (this.#forwardsOf.get(containerId) ?? 0) + step;
    if (own === 0) this.#forwardsOf.delete(containerId);
    else this.#forwardsOf.set(containerId, own);
  }
}

function askerOf({ entries, links, isConfined }: ResolverClient): Asker {
  const networks = entries.map(({ networkId, networkName }) => ({ id: networkId, name: networkName }));
  const nameOf = new Map(networks.map(({ id, name }) => [id, name]));
  return {
    networks,
    links: new Map(
      links.flatMap(({ alias, networkId, target }) =>
        [alias, `${alias}.${nameOf.get(networkId)}`].map((name) => [
          name.toLowerCase(),
          { networkId, target },
        ]),
      ),
    ),
    isConfined,
  };
}
