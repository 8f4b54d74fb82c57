import { DnsServer, type ListenAddress } from "#host/dns/dns-server.ts";
import { forward, type Upstream } from "#host/dns/forward.ts";
import { decodeMessage, encodeMessage, type Message, rcode } from "#host/dns/message.ts";
import { atHome } from "#host/dns/namespace-door.ts";
import { encodeForUdp, replyTo } from "#host/dns/reply.ts";
import { type ClusterZone, planAnswer } from "./answer.ts";

export interface ClusterDnsDeps {
  readonly zone: ClusterZone;
  readonly listen: ListenAddress;
  /** Whom to ask about names that are not the cluster's, in this order; read for each question. */
  readonly upstreams: () => readonly Upstream[];
}

/** Questions that others are being asked at once, so that nobody can use up the agent's descriptors. */
const mostForwards = 512;

type Protocol = "udp" | "tcp";

/** The cluster's name server on this node. */
export class ClusterDns implements Disposable {
  readonly #deps: ClusterDnsDeps;
  #server: DnsServer | undefined;
  #turn = 0;
  #forwards = 0;

  /** It answers when this resolves. @throws the kernel's error: the address is not this node's, or taken */
  static async open(deps: ClusterDnsDeps): Promise<ClusterDns> {
    const dns = new ClusterDns(deps);
    dns.#server = await DnsServer.open(atHome, undefined, deps.listen, (bytes, protocol) =>
      dns.respond(bytes, protocol),
    );
    return dns;
  }

  private constructor(deps: ClusterDnsDeps) {
    this.#deps = deps;
  }

  [Symbol.dispose](): void {
    this.#server?.close();
  }

  /** The bytes to send back; undefined for what is no question. */
  async respond(bytes: Uint8Array, protocol: Protocol): Promise<Uint8Array | undefined> {
    const query = decodeMessage(bytes);
    if (query === undefined || query.isResponse) return undefined;
    this.#turn = (this.#turn + 1) % 0x10000;
    const answer = planAnswer(this.#deps.zone, query, this.#turn);
    if (answer.kind === "forward")
      return (await this.#ask({ bytes, message: query }, protocol)) ?? encodeMessage(failed(query));
    const message =
      answer.kind === "reply" ? answer.message : await this.#follow(query, answer.message, answer.target);
    return protocol === "udp" ? encodeForUdp(query, message) : encodeMessage(message);
  }

  /** Adds what others say of the name that the question's is another one for. */
  async #follow(query: Message, message: Message, target: string): Promise<Message> {
    const [question] = query.questions;
    if (question === undefined) return message;
    const asked = { ...query, questions: [{ ...question, name: target }] };
    const found = await this.#askWhole({ bytes: encodeMessage(asked), message: asked });
    if (found === undefined) return { ...failed(query), answers: message.answers };
    return { ...message, rcode: found.rcode, answers: [...message.answers, ...found.answers] };
  }

  /** By UDP, and by TCP what does not fit. */
  async #askWhole(query: {
    readonly bytes: Uint8Array;
    readonly message: Message;
  }): Promise<Message | undefined> {
    const first = decodeMessage((await this.#ask(query, "udp")) ?? new Uint8Array());
    if (first?.isTruncated !== true) return first;
    return decodeMessage((await this.#ask(query, "tcp")) ?? new Uint8Array());
  }

  async #ask(
    query: { readonly bytes: Uint8Array; readonly message: Message },
    protocol: Protocol,
  ): Promise<Uint8Array | undefined> {
    if (this.#forwards >= mostForwards) return undefined;
    this.#forwards++;
    try {
      return await forward(atHome, this.#deps.upstreams(), query, protocol);
    } finally {
      this.#forwards--;
    }
  }
}

function failed(query: Message): Message {
  return replyTo(query, rcode.serverFailure);
}
