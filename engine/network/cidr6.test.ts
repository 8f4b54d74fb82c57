import assert from "node:assert/strict";
import { isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import {
  contains6,
  findAddress6,
  findReverse6,
  formatAddress6,
  formatSubnet6,
  overlaps6,
  parseCidr6,
} from "#base/cidr6.ts";
import { AddressPool6 } from "./ipam6.ts";

const address = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });

test("formatAddress6: what it writes is read as the same address", () => {
  fc.assert(fc.property(address, (value) => findAddress6(formatAddress6(value)) === value));
});

test("formatAddress6: writes as RFC 5952 wants it, like URL does", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(0, 0, 0, 1, 0xfd00, 0x10), { minLength: 8, maxLength: 8 }),
      (groups) => {
        const text = groups.map((group) => group.toString(16)).join(":");
        return `[${formatAddress6(findAddress6(text) ?? -1n)}]` === new URL(`http://[${text}]`).hostname;
      },
    ),
  );
});

test("findAddress6: knows an address from other text, as the system does", () => {
  const texts = ["::", "::1", "1::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "fe80::%eth0", "1:2", ":::", "g::"];
  for (const text of [...texts, "1::2::3", "1:2:3:4:5:6:7:8:9", "1.2.3.4", "", "::1.2.3.256", "12345::"])
    assert.equal(findAddress6(text) !== undefined, isIPv6(text) && !text.includes("%"), text);
  fc.assert(
    fc.property(
      fc.stringMatching(/^[0-9a-f:.]{0,20}$/),
      (text) => (findAddress6(text) !== undefined) === isIPv6(text),
    ),
  );
});

test("parseCidr6: finds the subnet; refuses what is none", () => {
  assert.equal(formatSubnet6(parseCidr6("fd00::5/64").subnet), "fd00::/64");
  for (const text of ["fd00::", "fd00::/129", "fd00::/x", "10.0.0.0/8", "fd00::/64/64"])
    assert.throws(
      () => parseCidr6(text),
      (error) => isFault(error, "invalid"),
      text,
    );
  const [wide, narrow] = [parseCidr6("fd00::/48").subnet, parseCidr6("fd00:0:0:1::/64").subnet];
  assert.ok(overlaps6(wide, narrow) && overlaps6(narrow, wide) && contains6(wide, narrow.base));
  assert.ok(!overlaps6(narrow, parseCidr6("fd00::/64").subnet));
});

test("findReverse6: reads nibbles backwards", () => {
  assert.equal(findReverse6(`1.${"0.".repeat(31)}ip6.arpa`), 1n);
  assert.equal(findReverse6("1.0.ip6.arpa"), undefined);
});

test("AddressPool6: goes round, never gives an address twice, and ends when there is none", () => {
  const { subnet } = parseCidr6("fd00::/126");
  const pool = new AddressPool6(subnet, [subnet.base + 1n]);
  assert.deepEqual(
    [pool.allocate(), pool.allocate(), pool.allocate()],
    [subnet.base + 2n, subnet.base + 3n, undefined],
  );
  pool.release(subnet.base + 2n);
  assert.ok(!pool.claim(subnet.base + 3n) && pool.claim(subnet.base + 2n));
  assert.ok(!pool.claim(subnet.base + 8n));
});
