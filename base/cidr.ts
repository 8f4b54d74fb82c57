import { Fault } from "./fault.ts";

/** An IPv4 subnet: `base` has no bit set beyond the first `prefix` ones. Addresses are unsigned 32-bit numbers. */
export interface Subnet {
  readonly base: number;
  readonly prefix: number;
}

/** An address and the subnet it is in. */
export interface Cidr {
  readonly address: number;
  readonly subnet: Subnet;
}

const octet = /^(?:0|[1-9][0-9]{0,2})$/;

/** Undefined for anything but four decimal numbers without leading zeros. */
export function findAddress(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    const value = Number(part);
    if (!octet.test(part) || value > 255) return undefined;
    address = address * 256 + value;
  }
  return address;
}

/** @throws {Fault} `invalid` for anything but four decimal numbers without leading zeros. */
export function parseAddress(text: string): number {
  const address = findAddress(text);
  if (address === undefined) throw new Fault("invalid", `invalid IPv4 address: ${text}`);
  return address;
}

export function formatAddress(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/**
 * Parses `address/prefix` and keeps both: the address may be one inside the subnet, as in `172.17.0.1/16`.
 *
 * @throws {Fault} `invalid`, with the words of Go's net.ParseCIDR that Docker's clients see
 * @see RFC 4632 section 3.1
 */
export function parseCidr(text: string): Cidr {
  const found = findCidr(text);
  if (found === undefined) throw new Fault("invalid", `invalid CIDR address: ${text}`);
  return found;
}

/** The same, undefined for what is none. */
export function findCidr(text: string): Cidr | undefined {
  const [left = "", right = "", ...rest] = text.split("/");
  const address = findAddress(left);
  const prefix = Number(right);
  if (address === undefined || rest.length > 0 || !/^[0-9]{1,2}$/.test(right) || prefix > 32)
    return undefined;
  return { address, subnet: subnetOf(address, prefix) };
}

export function subnetOf(address: number, prefix: number): Subnet {
  const size = 2 ** (32 - prefix);
  return { base: address - (address % size), prefix };
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(subnet.base)}/${subnet.prefix}`;
}

export function sizeOf(subnet: Subnet): number {
  return 2 ** (32 - subnet.prefix);
}

/** The highest address of the subnet, its broadcast address where it has one. */
export function lastOf(subnet: Subnet): number {
  return subnet.base + sizeOf(subnet) - 1;
}

export function contains(subnet: Subnet, address: number): boolean {
  return address >= subnet.base && address <= lastOf(subnet);
}

export function isWithin(inner: Subnet, outer: Subnet): boolean {
  return contains(outer, inner.base) && inner.prefix >= outer.prefix;
}

export function overlaps(one: Subnet, other: Subnet): boolean {
  return contains(one, other.base) || contains(other, one.base);
}

/** A MAC address that follows from the IPv4 address, so that a reused address never meets a stale neighbour entry. */
export function macOf(address: number): string {
  const bytes = [2, 0x42, address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
