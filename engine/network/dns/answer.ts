import { classIn, type DnsRecord, encodeMessage, type Message, rcode, typeA, typePtr } from "./message.ts";
import type { Zones } from "./zones.ts";

/** Short, because a container's address is only as old as the container. */
const TTL_SECONDS = 5;
/** What UDP carries when the client says nothing, and at most. @see RFC 1035 section 4.2.1, RFC 9715 section 3 */
const PLAIN_UDP_BYTES = 512;
const UDP_BYTES_MAX = 1400;
const TYPE_ANY = 255;

export interface Asker {
  readonly networkId: string;
  readonly isInternal: boolean;
}

/**
 * What to answer a container: from the names of its network, or undefined when somebody else has to be asked. `turn` counts
 * answers: several containers with one name take turns in coming first.
 */
export function planAnswer(zones: Zones, asker: Asker, query: Message, turn: number): Message | undefined {
  const [question] = query.questions;
  if (query.opcode !== 0) return replyTo(query, rcode.notImplemented);
  if (question === undefined || query.questions.length > 1) return replyTo(query, rcode.formatError);
  const addresses = zones.findAddresses(asker.networkId, question.name);
  if (addresses !== undefined) {
    const isWanted = question.type === typeA || question.type === TYPE_ANY;
    const data = isWanted ? rotate(addresses, turn) : [];
    return replyTo(
      query,
      rcode.ok,
      data.map((address) => record(question.name, typeA, address)),
    );
  }
  const name = question.type === typePtr ? findReverse(zones, asker.networkId, question.name) : undefined;
  if (name !== undefined) return replyTo(query, rcode.ok, [record(question.name, typePtr, name)]);
  return asker.isInternal ? replyTo(query, rcode.noSuchName) : undefined;
}

export function replyTo(query: Message, code: number, answers: readonly DnsRecord[] = []): Message {
  return {
    id: query.id,
    isResponse: true,
    opcode: query.opcode,
    isAuthoritative: false,
    isTruncated: false,
    wantsRecursion: query.wantsRecursion,
    hasRecursion: true,
    rcode: code,
    questions: query.questions,
    answers,
    ...(query.edns !== undefined && { edns: { udpSize: UDP_BYTES_MAX } }),
  };
}

/** By UDP a reply that the client cannot take is sent without answers, as truncated: the client asks again by TCP. */
export function encodeForUdp(query: Message, reply: Message): Uint8Array {
  const limit = Math.min(Math.max(query.edns?.udpSize ?? 0, PLAIN_UDP_BYTES), UDP_BYTES_MAX);
  const bytes = encodeMessage(reply);
  return bytes.length <= limit ? bytes : encodeMessage({ ...reply, isTruncated: true, answers: [] });
}

function record(name: string, type: number, data: string): DnsRecord {
  return { name, type, class: classIn, ttl: TTL_SECONDS, data };
}

function rotate(addresses: readonly string[], turn: number): readonly string[] {
  const first = turn % addresses.length;
  return [...addresses.slice(first), ...addresses.slice(0, first)];
}

/** `2.0.18.172.in-addr.arpa` */
function findReverse(zones: Zones, networkId: string, name: string): string | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/i.exec(name);
  if (match === null) return undefined;
  const [, d, c, b, a] = match;
  return zones.findName(networkId, `${a}.${b}.${c}.${d}`);
}
