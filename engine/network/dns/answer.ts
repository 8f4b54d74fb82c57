import { replyTo, rotate } from "#host/dns/reply.ts";
import { findReverseAddress } from "#host/dns/reverse-name.ts";
import { classIn, type DnsRecord, type Message, rcode, typeA, typeAaaa, typePtr } from "#host/dns/message.ts";
import type { Addresses, Zones } from "./zones.ts";

/** Short, because a container's address is only as old as the container. */
const TTL_SECONDS = 5;
const TYPE_ANY = 255;

/** A container, as far as its questions go. */
export interface Asker {
  /** Its user-defined networks; the first that knows a name answers. */
  readonly networks: readonly { readonly id: string; readonly name: string }[];
  /** Names that only it has for others: lowercase alias → the name that the network knows. */
  readonly links: ReadonlyMap<string, { readonly networkId: string; readonly target: string }>;
  /** None of its networks leads to the world, nor do its questions. */
  readonly isConfined: boolean;
}

/**
 * What to answer a container: from the names of its networks, or undefined when somebody else has to be asked. `turn` counts
 * answers: several containers with one name take turns in coming first.
 */
export function planAnswer(zones: Zones, asker: Asker, query: Message, turn: number): Message | undefined {
  const [question] = query.questions;
  if (query.opcode !== 0) return replyTo(query, rcode.notImplemented);
  if (question === undefined || query.questions.length > 1) return replyTo(query, rcode.formatError);
  const found = findAddresses(zones, asker, question.name);
  if (found !== undefined) {
    const isWanted = (type: number) => question.type === type || question.type === TYPE_ANY;
    const four = found.map((addresses) => addresses.four).filter((text) => text !== "" && isWanted(typeA));
    const six = found.map((addresses) => addresses.six).filter((text) => text !== "" && isWanted(typeAaaa));
    return replyTo(query, rcode.ok, [
      ...rotate(four, turn).map((address) => record(question.name, typeA, address)),
      ...rotate(six, turn).map((address) => record(question.name, typeAaaa, address)),
    ]);
  }
  const name = question.type === typePtr ? findReverse(zones, asker, question.name) : undefined;
  if (name !== undefined) return replyTo(query, rcode.ok, [record(question.name, typePtr, name)]);
  return asker.isConfined ? replyTo(query, rcode.serverFailure) : undefined;
}

function findAddresses(zones: Zones, asker: Asker, name: string): readonly Addresses[] | undefined {
  const link = asker.links.get(name.toLowerCase());
  if (link !== undefined) {
    const found = zones.findAddresses(link.networkId, link.target);
    if (found !== undefined) return found;
  }
  for (const { id } of asker.networks) {
    const found = zones.findAddresses(id, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function record(name: string, type: number, data: string): DnsRecord {
  return { name, type, class: classIn, ttl: TTL_SECONDS, data };
}

function findReverse(zones: Zones, asker: Asker, name: string): string | undefined {
  const address = findReverseAddress(name);
  if (address === undefined) return undefined;
  for (const { id } of asker.networks) {
    const found = zones.findName(id, address);
    if (found !== undefined) return found;
  }
  return undefined;
}
