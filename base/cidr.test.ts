import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "./fault.ts";
import {
  contains,
  findAddress,
  findCidr,
  formatAddress,
  formatSubnet,
  isWithin,
  lastOf,
  macOf,
  overlaps,
  parseCidr,
  subnetOf,
} from "./cidr.ts";

const anyAddress = fc.nat(0xffffffff);
const anySubnet = fc
  .tuple(anyAddress, fc.integer({ min: 0, max: 32 }))
  .map(([at, prefix]) => subnetOf(at, prefix));

test("findAddress: reads back what formatAddress wrote", () => {
  fc.assert(fc.property(anyAddress, (address) => findAddress(formatAddress(address)) === address));
});

test("findAddress: refuses leading zeros, signs, spaces, too few and too many numbers", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.256",
    " 1.2.3.4",
    "1.2.3.-4",
    "1e1.2.3.4",
    "::1",
  ])
    assert.equal(findAddress(text), undefined, text);
});

test("parseCidr: keeps the address and gives the subnet it lies in", () => {
  const { address, subnet } = parseCidr("172.17.42.1/16");
  assert.equal(formatAddress(address), "172.17.42.1");
  assert.equal(formatSubnet(subnet), "172.17.0.0/16");
});

test("parseCidr: anything else is an invalid fault, never another error", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseCidr(text);
      } catch (error) {
        assert.ok(isFault(error, "invalid"));
      }
    }),
  );
  for (const text of ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/8/8", "10.0.0.0/-1", "10.0.0.0/1e1", "fd00::/8"])
    assert.throws(() => parseCidr(text), { message: `invalid CIDR address: ${text}` });
});

test("overlaps: is symmetric and true exactly when one holds the other", () => {
  fc.assert(
    fc.property(anySubnet, anySubnet, (one, other) => {
      assert.equal(overlaps(one, other), overlaps(other, one));
      assert.equal(overlaps(one, other), isWithin(one, other) || isWithin(other, one));
    }),
  );
});

test("contains: the first and the last address are inside, their neighbours are not", () => {
  const { subnet } = parseCidr("192.168.16.0/20");
  assert.ok(contains(subnet, subnet.base) && contains(subnet, lastOf(subnet)));
  assert.ok(!contains(subnet, subnet.base - 1) && !contains(subnet, lastOf(subnet) + 1));
  assert.equal(formatAddress(lastOf(subnet)), "192.168.31.255");
});

test("macOf: carries the address", () => {
  assert.equal(macOf(parseCidr("172.17.0.2/16").address), "02:42:ac:11:00:02");
});

test("findCidr: what parseCidr refuses is none", () => {
  assert.deepEqual(findCidr("172.17.0.1/16"), parseCidr("172.17.0.1/16"));
  for (const text of ["172.17.0.1", "172.17.0.1/33", "172.17.0.256/16", "172.17.0.1/16/1", "::1/128"])
    assert.equal(findCidr(text), undefined, text);
});
