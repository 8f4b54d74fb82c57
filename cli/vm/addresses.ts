import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { VirDomain } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import type { Hypercore } from "./open-hypercore.ts";
import { isOn, lookUntil } from "./power.ts";

/** Where a machine is reached, and who says so. */
export interface FoundAddress {
  readonly address: string;
  readonly by: "guest agent" | "DHCP lease";
}

/**
 * A machine's first IPv4 address: what its guest agent tells, else what the network of VLAN 0 has given it, which only this
 * machine's own hypervisor knows. Undefined while there is none.
 *
 * @param leases text of the DHCP server's file
 */
export function findAddress({ netDevs }: VirDomain, leases: string): FoundAddress | undefined {
  const told = netDevs.flatMap(({ ipv4Addresses }) => ipv4Addresses)[0];
  if (told !== undefined) return { address: told, by: "guest agent" };
  for (const { macAddress } of netDevs) {
    const address = leaseOf(macAddress, leases);
    if (address !== undefined) return { address, by: "DHCP lease" };
  }
  return undefined;
}

/**
 * Looks at a machine until it has an address.
 *
 * @param whenOff what is said of one that is not on
 * @throws {Fault} `conflict` when it is not on; `not-found` when it is removed meanwhile
 */
export async function awaitAddress(
  { client, isLocal }: Pick<Hypercore, "client" | "isLocal">,
  { uuid, root, whenOff }: { readonly uuid: string; readonly root: string; readonly whenOff: string },
  signal: AbortSignal,
): Promise<FoundAddress> {
  const find = (vm: VirDomain) => {
    if (!isOn(vm)) throw new Fault("conflict", whenOff);
    return findAddress(vm, isLocal ? readLeases(root) : "");
  };
  return await lookUntil(client, uuid, find, signal);
}

/** The leases of an instance's hypervisor; empty where there are none or nobody may see them. */
export function readLeases(root: string): string {
  try {
    return readFileSync(join(root, "hypervisor/dhcp/leases"), "utf8");
  } catch {
    return "";
  }
}

/** Lines are `EXPIRY MAC ADDRESS NAME CLIENT-ID`. The last one of a MAC counts. @see dnsmasq(8), --dhcp-leasefile */
function leaseOf(mac: string, leases: string): string | undefined {
  return leases
    .split("\n")
    .map((line) => line.split(" "))
    .findLast(([, owner]) => owner?.toUpperCase() === mac.toUpperCase())?.[2];
}
