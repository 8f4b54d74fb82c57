import { Fault } from "#base/fault.ts";
import { findAddress, overlaps, parseCidr, type Subnet, subnetOf } from "#base/cidr.ts";
import { overlaps6, type Subnet6 } from "#base/cidr6.ts";

/** Where subnets that nobody chose come from, in this order: the ranges that Docker uses, so that nobody is surprised. */
const defaultPools: readonly { readonly from: Subnet; readonly prefix: number }[] = [
  ...[17, 18, 19].map((second) => ({ from: parseCidr(`172.${second}.0.0/16`).subnet, prefix: 16 })),
  { from: parseCidr("172.20.0.0/14").subnet, prefix: 16 },
  { from: parseCidr("172.24.0.0/14").subnet, prefix: 16 },
  { from: parseCidr("172.28.0.0/14").subnet, prefix: 16 },
  { from: parseCidr("192.168.0.0/16").subnet, prefix: 20 },
];

/**
 * The first default subnet that overlaps nothing in use: other networks or what the host has routes to.
 *
 * @throws {Fault} `exhausted` when none is left
 */
export function pickSubnet(inUse: readonly Subnet[]): Subnet {
  for (const { from, prefix } of defaultPools)
    for (let step = 0; step < 2 ** (prefix - from.prefix); step++) {
      const candidate = subnetOf(from.base + step * 2 ** (32 - prefix), prefix);
      if (!inUse.some((taken) => overlaps(taken, candidate))) return candidate;
    }
  throw new Fault("exhausted", "all predefined address pools have been fully subnetted");
}

/** The nameservers of a resolv.conf as single-address subnets: a network over them would cut name resolution off. */
export function nameserverSubnets(servers: readonly string[]): readonly Subnet[] {
  return servers.flatMap((server) => {
    const address = findAddress(server);
    return address === undefined ? [] : [subnetOf(address, 32)];
  });
}

/**
 * The first /64 of the /48 that overlaps nothing in use.
 *
 * @throws {Fault} `exhausted` when none is left
 */
export function pickSubnet6(local: Subnet6, inUse: readonly Subnet6[]): Subnet6 {
  for (let step = 0n; step < 1n << 16n; step++) {
    const candidate = { base: local.base + (step << 64n), prefix: 64 };
    if (!inUse.some((taken) => overlaps6(taken, candidate))) return candidate;
  }
  throw new Fault("exhausted", "all predefined address pools have been fully subnetted");
}
