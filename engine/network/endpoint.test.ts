import assert from "node:assert/strict";
import { test } from "node:test";
import { gatewaysOf } from "./endpoint.ts";
import type { Endpoint } from "./networks.ts";

const endpoint = (networkName: string, given: Partial<Endpoint> = {}): Endpoint => ({
  networkId: networkName,
  networkName,
  endpointId: networkName,
  address: "10.0.0.2",
  prefixLength: 24,
  gateway: "10.0.0.1",
  mac: "",
  aliases: [],
  dnsNames: [],
  ports: {},
  ...given,
});
const six = { address6: "fd00::2", gateway6: "fd00::1" };
const namesOf = (...endpoints: readonly Endpoint[]) => {
  const gateways = gatewaysOf(endpoints);
  return [gateways.four?.networkName, gateways.six?.networkName];
};

test("gatewaysOf: by priority, then both families, then name; never where nothing leads out", () => {
  assert.deepEqual(namesOf(endpoint("b"), endpoint("a")), ["a", undefined]);
  assert.deepEqual(namesOf(endpoint("b", { gwPriority: 1 }), endpoint("a")), ["b", undefined]);
  assert.deepEqual(namesOf(endpoint("b", six), endpoint("a")), ["b", "b"]);
  assert.deepEqual(namesOf(endpoint("b", six), endpoint("a", { gwPriority: 1 })), ["a", "b"]);
  assert.deepEqual(namesOf(endpoint("i", { gateway: "", gwPriority: 9 }), endpoint("z")), ["z", undefined]);
  assert.deepEqual(namesOf(), [undefined, undefined]);
});
