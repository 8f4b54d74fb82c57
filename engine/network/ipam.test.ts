import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseRoutes } from "#host/link/routes.ts";
import { formatAddress, formatSubnet, parseAddress, parseCidr } from "#base/cidr.ts";
import { AddressPool } from "./ipam.ts";
import { nameserverSubnets, pickSubnet } from "./subnets.ts";

const subnet = parseCidr("10.1.0.0/29").subnet;
const gateway = parseAddress("10.1.0.1");

function takeAll(pool: AddressPool): readonly string[] {
  const all: string[] = [];
  for (let next = pool.allocate(); next !== undefined; next = pool.allocate()) all.push(formatAddress(next));
  return all;
}

test("AddressPool: hands out every address once, ascending, without network, gateway and broadcast", () => {
  const pool = new AddressPool(subnet, [gateway]);
  assert.deepEqual(takeAll(pool), ["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"]);
});

test("AddressPool: a released address comes back only after the others", () => {
  const pool = new AddressPool(subnet, [gateway]);
  const first = pool.allocate() ?? 0;
  pool.release(first);
  assert.deepEqual(takeAll(pool), ["10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6", "10.1.0.2"]);
});

test("AddressPool: allocates from the range alone but lets the whole subnet be claimed", () => {
  const pool = new AddressPool(subnet, [gateway], parseCidr("10.1.0.4/30").subnet);
  assert.ok(pool.claim(parseAddress("10.1.0.2")));
  assert.deepEqual(takeAll(pool), ["10.1.0.4", "10.1.0.5", "10.1.0.6"]);
});

test("AddressPool: claims neither what is taken, nor reserved, nor outside", () => {
  const pool = new AddressPool(subnet, [gateway]);
  assert.ok(pool.claim(parseAddress("10.1.0.5")));
  for (const text of ["10.1.0.5", "10.1.0.1", "10.1.0.0", "10.1.0.7", "10.1.0.8"])
    assert.ok(!pool.claim(parseAddress(text)), text);
});

test("AddressPool: goes on after the highest adopted address", () => {
  const pool = new AddressPool(subnet, [gateway]);
  pool.adopt(parseAddress("10.1.0.4"));
  pool.adopt(parseAddress("10.1.0.2"));
  assert.deepEqual(takeAll(pool), ["10.1.0.5", "10.1.0.6", "10.1.0.3"]);
});

test("AddressPool: no sequence of operations hands an address out twice or loses one", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9)), (operations) => {
      const pool = new AddressPool(subnet, [gateway]);
      const held: number[] = [];
      for (const operation of operations) {
        if (operation < 6) {
          const address = pool.allocate();
          assert.equal(address === undefined, held.length === 5);
          if (address !== undefined) assert.ok(!held.includes(address));
          if (address !== undefined) held.push(address);
        } else if (held.length > 0) {
          const [address = 0] = held.splice(operation % held.length, 1);
          pool.release(address);
        }
      }
    }),
  );
});

test("pickSubnet: takes the first pool that overlaps neither networks nor routes nor nameservers", () => {
  const routes = parseRoutes(
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n" +
      "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
      "eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n",
  );
  assert.deepEqual(routes, [
    { device: "eth0", destination: parseAddress("172.17.0.0"), mask: parseAddress("255.255.0.0") },
  ]);
  const inUse = [parseCidr("172.17.0.0/16").subnet, ...nameserverSubnets(["172.18.0.53", "fd00::1"])];
  assert.equal(formatSubnet(pickSubnet(inUse)), "172.19.0.0/16");
});

test("pickSubnet: says so when nothing is left", () => {
  assert.throws(() => pickSubnet([parseCidr("0.0.0.0/0").subnet]), /fully subnetted/);
});
