import { type DnsRecord, encodeMessage, type Message } from "./message.ts";

/** What UDP carries when the client says nothing, and at most. @see RFC 1035 section 4.2.1, RFC 9715 section 3 */
const PLAIN_UDP_BYTES = 512;
const UDP_BYTES_MAX = 1400;

/** An answer of one who asks others as well, with no authority of its own. */
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

/** Those of one name take turns in coming first; `turn` counts answers. */
export function rotate(addresses: readonly string[], turn: number): readonly string[] {
  if (addresses.length < 2) return addresses;
  const first = turn % addresses.length;
  return [...addresses.slice(first), ...addresses.slice(0, first)];
}

/** By UDP a reply that the client cannot take is sent without answers, as truncated: the client asks again by TCP. */
export function encodeForUdp(query: Message, reply: Message): Uint8Array {
  const limit = Math.min(Math.max(query.edns?.udpSize ?? 0, PLAIN_UDP_BYTES), UDP_BYTES_MAX);
  const bytes = encodeMessage(reply);
  return bytes.length <= limit ? bytes : encodeMessage({ ...reply, isTruncated: true, answers: [] });
}
