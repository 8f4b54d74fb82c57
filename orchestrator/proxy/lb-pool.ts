import { Fault } from "#base/fault.ts";
import { parseAddress, formatAddress } from "#base/cidr.ts";

/** Addresses for load balancers, IPv4. */
export interface LbPool {
  readonly first: number;
  readonly size: number;
}

const mostAddresses = 65_536;

/**
 * `192.0.2.64/28`, `192.0.2.10-192.0.2.20` or one address.
 *
 * @throws {Fault} `invalid`
 */
export function parseLbPool(text: string): LbPool {
  const refuse = () =>
    new Fault(
      "invalid",
      `invalid pool of load balancers ${JSON.stringify(text)}: use ADDRESS/PREFIX or FIRST-LAST`,
    );
  const match = /^(\d+(?:\.\d+){3})(?:\/(\d+)|-(\d+(?:\.\d+){3}))?$/.exec(text);
  if (match === null) throw refuse();
  const [, start = "", prefix, end] = match;
  const address = parseAddress(start);
  if (prefix !== undefined && Number(prefix) > 32) throw refuse();
  const size =
    prefix === undefined
      ? end === undefined
        ? 1
        : parseAddress(end) - address + 1
      : 2 ** (32 - Number(prefix));
  const first = prefix === undefined ? address : address - (address % size);
  if (size < 1 || size > mostAddresses) throw refuse();
  return { first, size };
}

export function isInPool({ first, size }: LbPool, address: string): boolean {
  if (!/^\d+(\.\d+){3}$/.test(address)) return false;
  const number = parseAddress(address);
  return number >= first && number < first + size;
}

/** The first address that is not taken; undefined when all are. */
export function freeAddress({ first, size }: LbPool, taken: ReadonlySet<string>): string | undefined {
  for (let at = 0; at < size; at++) {
    const address = formatAddress(first + at);
    if (!taken.has(address)) return address;
  }
  return undefined;
}
