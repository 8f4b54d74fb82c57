import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilters } from "#api/docker/filters.ts";
import type { NetworkCreateBody } from "#api/docker/shapes.ts";
import { isFault } from "#base/fault.ts";
import { readBridgeOptions } from "./bridge-options.ts";
import { formatAddress, parseCidr } from "#base/cidr.ts";
import { kernelNames, vethName } from "./kernel-names.ts";
import type { NetworkRecord } from "./networks.ts";
import { findAddressPlan } from "./plan-ipam.ts";
import { planNetwork } from "./plan-network.ts";
import { matchesNetwork, networkFilterKeys, networkView } from "./views.ts";

const id = "ab".repeat(32);
const plan = (body: NetworkCreateBody, networks: readonly NetworkRecord[] = []) =>
  planNetwork(body, {
    id,
    created: "2026-01-01T00:00:00Z",
    networks,
    inUse: [parseCidr("172.17.0.0/16").subnet],
    localPrefix: { base: 0xfd00_0000_0000n << 80n, prefix: 48 },
  });

test("planNetwork: without wishes it takes a free subnet and names its bridge after its ID", () => {
  const record = plan({ Name: "one" });
  assert.deepEqual(record.ipam.config, [{ Subnet: "172.18.0.0/16", Gateway: "172.18.0.1" }]);
  assert.equal(record.bridge, "br-abababababab");
  assert.equal(record.hasChosenSubnet, false);
});

test("planNetwork: keeps what was asked for, IPv6 too, and fills in the gateway", () => {
  const Config = [
    { Subnet: "fd00:1::/64" },
    { Subnet: "10.5.0.0/24", IPRange: "10.5.0.128/25", AuxiliaryAddresses: { router: "10.5.0.130" } },
  ];
  const record = plan({ Name: "one", EnableIPv6: true, IPAM: { Config } });
  const addresses = findAddressPlan(record);
  assert.equal(record.ipam.config[0]?.Subnet, "10.5.0.0/24");
  assert.deepEqual(addresses?.reserved.map(formatAddress), ["10.5.0.1", "10.5.0.130"]);
  assert.ok(record.hasChosenSubnet && record.hasIPv6);
});

test("planNetwork: an empty address configuration is none", () => {
  assert.equal(plan({ Name: "one", IPAM: { Config: [{}] } }).hasChosenSubnet, false);
});

test("planNetwork: refuses what overlaps, lies outside, or has no room", () => {
  const other = plan({ Name: "one" });
  const refused = (config: object, kind: "invalid" | "forbidden") =>
    assert.throws(
      () => plan({ Name: "two", IPAM: { Config: [config] } }, [other]),
      (error) => isFault(error, kind),
      JSON.stringify(config),
    );
  refused({ Subnet: "172.18.5.0/24" }, "forbidden");
  for (const Subnet of ["10.0.0.9/24", "10.0.0.0", "x/8", "fd00::/200"]) refused({ Subnet }, "invalid");
  refused({ Gateway: "10.0.0.1" }, "invalid");
  refused({ Subnet: "10.0.0.0/24", Gateway: "10.0.1.1" }, "invalid");
  refused({ Subnet: "10.0.0.0/24", IPRange: "10.0.0.0/16" }, "invalid");
  refused({ Subnet: "10.0.0.0/24", AuxiliaryAddresses: { a: "b" } }, "invalid");
});

test("planNetwork: refuses names and drivers that are not for it", () => {
  const kindOf = (body: NetworkCreateBody) => {
    try {
      plan(body);
      return "made";
    } catch (error) {
      return isFault(error) ? error.kind : "not a fault";
    }
  };
  assert.deepEqual(
    [
      {},
      { Name: "host" },
      { Name: "a", Driver: "weave" },
      { Name: "a", ConfigOnly: true },
      { Name: "a/b" },
    ].map(kindOf),
    ["invalid", "forbidden", "not-found", "made", "made"],
  );
});

test("readBridgeOptions: reads Docker's options and refuses what the kernel would misread", () => {
  const prefix = "com.docker.network";
  const options = readBridgeOptions({
    [`${prefix}.bridge.name`]: "mybr",
    [`${prefix}.bridge.enable_icc`]: "False",
    [`${prefix}.bridge.host_binding_ipv4`]: "127.0.0.1",
    [`${prefix}.driver.mtu`]: "1400",
    "something.else": "1",
  });
  assert.deepEqual(options, {
    bridgeName: "mybr",
    isConnected: false,
    isMasqueraded: true,
    hostBinding: "127.0.0.1",
    mtu: 1400,
    gatewayMode: "nat",
    gatewayMode6: "nat",
    routesWithin: false,
    isAddressless: false,
  });
  for (const [key, value] of [
    ["bridge.name", "a b; reboot"],
    ["bridge.name", "../x"],
    ["bridge.name", "sixteen-letters-"],
    ["bridge.enable_icc", "maybe"],
    ["bridge.host_binding_ipv4", "::1"],
    ["driver.mtu", "12"],
    ["driver.mtu", "1e3"],
  ] as const)
    assert.throws(
      () => readBridgeOptions({ [`${prefix}.${key}`]: value }),
      (error) => isFault(error, "invalid"),
      value,
    );
});

test("kernelNames: fit the kernel, and no two instances share one", () => {
  const [one, two] = [kernelNames("gantry"), kernelNames("gantry-1a2b3c")];
  assert.deepEqual(one, { defaultBridge: "gantry0", table: "gantry", vethPrefix: "gv" });
  assert.ok(two.defaultBridge.length <= 15 && vethName(two).length <= 15);
  assert.equal(two.table, "gantry_1a2b3c");
  assert.throws(
    () => kernelNames("a b"),
    (error) => isFault(error, "invalid"),
  );
});

test("networkView: shows members with their prefix", () => {
  const endpoint = {
    networkId: id,
    networkName: "one",
    endpointId: "e1",
    address: "172.18.0.2",
    prefixLength: 16,
    gateway: "172.18.0.1",
    mac: "02:42:ac:12:00:02",
    aliases: [],
    dnsNames: ["web"],
    ports: {},
  };
  const view = networkView(plan({ Name: "one" }), 48, [{ containerId: "c1", endpoint }]) as Record<
    string,
    unknown
  >;
  assert.deepEqual(view["Containers"], {
    c1: {
      Name: "web",
      EndpointID: "e1",
      MacAddress: "02:42:ac:12:00:02",
      IPv4Address: "172.18.0.2/16",
      IPv6Address: "",
    },
  });
  assert.equal(view["EnableIPv4"], true);
});

test("matchesNetwork: every key, alone and together", () => {
  const record = plan({ Name: "one", Labels: { tier: "db" } });
  const matches = (filters: object, isUsed = false) =>
    matchesNetwork(parseFilters(JSON.stringify(filters), networkFilterKeys), record, isUsed);
  for (const filters of [
    {},
    { name: ["on"] },
    { id: ["abab"] },
    { driver: ["bridge", "host"] },
    { scope: ["local"] },
    { type: ["custom"] },
    { dangling: ["true"] },
    { label: ["tier=db"], name: ["one"] },
  ])
    assert.ok(matches(filters), JSON.stringify(filters));
  for (const filters of [
    { name: ["two"] },
    { driver: ["host"] },
    { type: ["builtin"] },
    { label: ["x"] },
    { dangling: ["0"] },
  ])
    assert.ok(!matches(filters), JSON.stringify(filters));
  assert.ok(matches({ dangling: ["false"] }, true));
  assert.throws(
    () => matches({ type: ["odd"] }),
    (error) => isFault(error, "internal"), // as Docker answers it
  );
});
