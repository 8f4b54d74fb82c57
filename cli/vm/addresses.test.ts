import assert from "node:assert/strict";
import { test } from "node:test";
import type { VirDomain } from "#api/hypercore/types.ts";
import { findAddress } from "./addresses.ts";

function machine(...nics: readonly (readonly [mac: string, ...addresses: readonly string[]])[]): VirDomain {
  const netDevs = nics.map(([macAddress, ...ipv4Addresses]) => ({ macAddress, ipv4Addresses }));
  return { netDevs } as unknown as VirDomain;
}

const leases = `1795741625 7c:4c:58:00:00:01 10.98.0.7 * 01:7c:4c:58:00:00:01
1795741626 7c:4c:58:00:00:02 10.98.0.8 other *
1795741627 7c:4c:58:00:00:01 10.98.0.9 web *
duid 00:01
`;

test("findAddress: the guest's own word comes first, then its last lease, whatever case its MAC is in", () => {
  assert.deepEqual(findAddress(machine(["7C:4C:58:00:00:01", "10.98.0.1"]), leases), {
    address: "10.98.0.1",
    by: "guest agent",
  });
  const leased = { address: "10.98.0.9", by: "DHCP lease" };
  assert.deepEqual(findAddress(machine(["7C:4C:58:00:00:01"]), leases), leased);
  assert.deepEqual(findAddress(machine(["7C:4C:58:00:00:03"], ["7C:4C:58:00:00:01"]), leases), leased);
  assert.equal(findAddress(machine(["7C:4C:58:00:00:03"]), leases), undefined);
  assert.equal(findAddress(machine(), ""), undefined);
});
