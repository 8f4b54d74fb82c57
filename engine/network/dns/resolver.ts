import { encodeForUdp, planAnswer, replyTo } from "./answer.ts";
import { EndpointServer, type ListenAddress } from "./endpoint-server.ts";
import { forward, type Upstream } from "./forward.ts";
import { decodeMessage, encodeMessage, type Message, rcode } from "./message.ts";
import type { NamespaceGate } from "./namespace-gate.ts";
import { type ZoneEntry, Zones } from "./zones.ts";

/** A container whose questions are to be answered. Plain data: it crosses to the resolver's thread. */
export interface ResolverEndpoint {
  readonly entry: ZoneEntry;
  /** Where its network namespace can be opened. */
  readonly netnsPath: string;
  readonly isInternal: boolean;
  /** Who is asked about names that are not the network's, in this order. */
  readonly upstreams: readonly Upstream[];
}

/** Of one container and of all, so that none can use up the daemon's descriptors. */
const FORWARDS_MAX = 64;
const ALL_FORWARDS_MAX = 512;

interface Open {
  readonly endpoint: ResolverEndpoint;
  readonly server: EndpointServer;
  forwards: number;
}

/** The name servers of all containers in user-defined networks. */
export class Resolver {
  readonly #gate: NamespaceGate;
  readonly #listen: ListenAddress;
  readonly #zones = new Zones();
  readonly #open = new Map<string, Open>();
  /** Each endpoint's latest opening: one that was closed meanwhile, or opened again, must not come to life. */
  readonly #openings = new Map<string, object>();
  #turn = 0;
  #forwards = 0;

  constructor(gate: NamespaceGate, listen: ListenAddress) {
    this.#gate = gate;
    this.#listen = listen;
  }

  /** The names are known to the others, and the container may ask, when it resolves. @throws the kernel's error */
  async open(endpoint: ResolverEndpoint): Promise<void> {
    const { endpointId } = endpoint.entry;
    this.close(endpointId);
    const opening = {};
    this.#openings.set(endpointId, opening);
    const server = await EndpointServer.open(
      this.#gate,
      endpoint.netnsPath,
      this.#listen,
      (bytes, protocol) => this.#respond(endpointId, bytes, protocol),
    );
    if (this.#openings.get(endpointId) !== opening) {
      server.close();
      throw new Error("closed while it was opened");
    }
    this.#open.set(endpointId, { endpoint, server, forwards: 0 });
    this.#zones.put(endpoint.entry);
  }

  /** New names for one that is open. */
  rename(entry: ZoneEntry): void {
    if (this.#open.has(entry.endpointId)) this.#zones.put(entry);
  }

  close(endpointId: string): void {
    this.#openings.delete(endpointId);
    this.#zones.remove(endpointId);
    this.#open.get(endpointId)?.server.close();
    this.#open.delete(endpointId);
  }

  async #respond(
    endpointId: string,
    bytes: Uint8Array,
    protocol: "udp" | "tcp",
  ): Promise<Uint8Array | undefined> {
    const open = this.#open.get(endpointId);
    const query = decodeMessage(bytes);
    if (open === undefined || query === undefined || query.isResponse) return undefined;
    const { entry, isInternal } = open.endpoint;
    const asker = { networkId: entry.networkId, isInternal };
    this.#turn = (this.#turn + 1) % 0x10000;
    const reply = planAnswer(this.#zones, asker, query, this.#turn);
    if (reply !== undefined) return protocol === "udp" ? encodeForUdp(query, reply) : encodeMessage(reply);
    return this.#forward(open, { bytes, message: query }, protocol);
  }

  async #forward(
    open: Open,
    query: { readonly bytes: Uint8Array; readonly message: Message },
    protocol: "udp" | "tcp",
  ): Promise<Uint8Array> {
    const failure = encodeMessage(replyTo(query.message, rcode.serverFailure));
    if (open.forwards >= FORWARDS_MAX || this.#forwards >= ALL_FORWARDS_MAX) return failure;
    open.forwards++;
    this.#forwards++;
    try {
      return (await forward(this.#gate, open.endpoint.upstreams, query, protocol)) ?? failure;
    } finally {
      open.forwards--;
      this.#forwards--;
    }
  }
}
