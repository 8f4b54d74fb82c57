import assert from "node:assert/strict";
import { test } from "node:test";
import { freeSubnet } from "./plan.ts";

test("freeSubnet: gives the first that is free, and none when all are taken", () => {
  assert.equal(freeSubnet("10.244.0.0/16", 24, new Set()), "10.244.0.0/24");
  assert.equal(freeSubnet("10.244.0.0/16", 24, new Set(["10.244.0.0/24", "10.244.2.0/24"])), "10.244.1.0/24");
  const all = new Set(Array.from({ length: 4 }, (_, i) => `192.168.${i}.0/24`));
  assert.equal(freeSubnet("192.168.0.0/22", 24, all), undefined);
});
