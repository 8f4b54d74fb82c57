import { Fault } from "./fault.ts";

/** An IPv6 subnet: `base` has no bit set beyond the first `prefix` ones. Addresses are unsigned 128-bit numbers. */
export interface Subnet6 {
  readonly base: bigint;
  readonly prefix: number;
}

const BITS = 128;
const GROUPS = 8;
const group = /^[0-9a-f]{1,4}$/i;

/** Undefined for anything but an IPv6 address without a zone. @see RFC 4291 section 2.2 */
export function findAddress6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : groupsOf(half)));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = GROUPS - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: Math.max(missing, 0) }, () => 0), ...(tail ?? [])];
  return groups.reduce((address, value) => (address << 16n) | BigInt(value), 0n);
}

/** The last group may be an IPv4 address in the place of two. */
function groupsOf(text: string): readonly number[] | undefined {
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const dotted =
      index === parts.length - 1 ? /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(part) : null;
    if (dotted !== null) {
      const octets = dotted.slice(1).map(Number);
      if (octets.some((octet) => octet > 255)) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = octets;
      groups.push(a * 256 + b, c * 256 + d);
    } else if (group.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

/** @see RFC 5952 section 4 */
export function formatAddress6(address: bigint): string {
  const groups = Array.from({ length: GROUPS }, (_, index) =>
    Number((address >> BigInt(16 * (GROUPS - 1 - index))) & 0xffffn),
  );
  const { at, length } = longestZeros(groups);
  const text = (part: readonly number[]) => part.map((value) => value.toString(16)).join(":");
  return length < 2 ? text(groups) : `${text(groups.slice(0, at))}::${text(groups.slice(at + length))}`;
}

function longestZeros(groups: readonly number[]): { readonly at: number; readonly length: number } {
  let best = { at: 0, length: 0 };
  for (let at = 0; at < groups.length; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  return best;
}

/**
 * Parses `address/prefix` and keeps both: the address may be one inside the subnet.
 *
 * @throws {Fault} `invalid`, with the words of Go's net.ParseCIDR that Docker's clients see
 * @see RFC 4291 section 2.3
 */
export function parseCidr6(text: string): { readonly address: bigint; readonly subnet: Subnet6 } {
  const [left = "", right = "", ...rest] = text.split("/");
  const address = findAddress6(left);
  const prefix = Number(right);
  if (address === undefined || rest.length > 0 || !/^[0-9]{1,3}$/.test(right) || prefix > BITS)
    throw new Fault("invalid", `invalid CIDR address: ${text}`);
  return { address, subnet: subnetOf6(address, prefix) };
}

export function subnetOf6(address: bigint, prefix: number): Subnet6 {
  const low = BigInt(BITS - prefix);
  return { base: (address >> low) << low, prefix };
}

export function formatSubnet6({ base, prefix }: Subnet6): string {
  return `${formatAddress6(base)}/${prefix}`;
}

export function contains6({ base, prefix }: Subnet6, address: bigint): boolean {
  return subnetOf6(address, prefix).base === base;
}

export function isWithin6(inner: Subnet6, outer: Subnet6): boolean {
  return inner.prefix >= outer.prefix && contains6(outer, inner.base);
}

export function overlaps6(one: Subnet6, other: Subnet6): boolean {
  return contains6(one, other.base) || contains6(other, one.base);
}

/** `1.0.…8.b.d.0.1.0.0.2.ip6.arpa` as the address; undefined for other names. @see RFC 3596 section 2.5 */
export function findReverse6(name: string): bigint | undefined {
  const match = /^((?:[0-9a-f]\.){32})ip6\.arpa$/i.exec(name);
  return match === null ? undefined : BigInt(`0x${(match[1] ?? "").split(".").reverse().join("")}`);
}
