import { findAddress } from "#base/cidr.ts";
import { findReverse6, formatAddress6 } from "#base/cidr6.ts";

/** The address whose name is asked for: `2.0.18.172.in-addr.arpa`, or the like of IPv6. @see RFC 1035 section 3.5 */
export function findReverseAddress(name: string): string | undefined {
  const match = /^((?:\d{1,3}\.){3}\d{1,3})\.in-addr\.arpa$/i.exec(name);
  const four = match?.[1]?.split(".").reverse().join(".");
  if (four !== undefined) return findAddress(four) === undefined ? undefined : four;
  const six = findReverse6(name);
  return six === undefined ? undefined : formatAddress6(six);
}
