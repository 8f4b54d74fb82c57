import { Fault } from "#base/fault.ts";
import { findAddress, formatAddress, parseAddress, sizeOf, subnetOf } from "#base/cidr.ts";

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
  const subnet = subnetOf(address, Number(prefix ?? 32));
  const size = end === undefined ? sizeOf(subnet) : parseAddress(end) - address + 1;
  if (size < 1 || size > mostAddresses) throw refuse();
  return { first: subnet.base, size };
}

export function isInPool({ first, size }: LbPool, address: string): boolean {
  const number = findAddress(address);
  return number !== undefined && number >= first && number < first + size;
}

/** The first address that is not taken; undefined when all are. */
export function freeAddress({ first, size }: LbPool, taken: ReadonlySet<string>): string | undefined {
  for (let at = 0; at < size; at++) {
    const address = formatAddress(first + at);
    if (!taken.has(address)) return address;
  }
  return undefined;
}
