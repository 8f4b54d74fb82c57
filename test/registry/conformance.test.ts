import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { OwnRegistry } from "../support/own-registry.ts";
import { RegistryUnderTest } from "../support/registry.ts";
import type { Check } from "./conformance/check.ts";
import { differencesOfDebian, without } from "./conformance/differences.ts";
import { discovery } from "./conformance/discovery.ts";
import { management } from "./conformance/management.ts";
import { pull } from "./conformance/pull.ts";
import { push } from "./conformance/push.ts";
import { Target } from "./conformance/target.ts";

const areas: Readonly<Record<string, readonly Check[]>> = { pull, push, discovery, management };

describe("gantry registry", () => {
  let registry: OwnRegistry;
  let target: Target;
  before(async () => {
    registry = await OwnRegistry.start();
    target = new Target(`http://127.0.0.1:${registry.port}`);
  });
  after(async () => {
    target.close();
    await registry[Symbol.asyncDispose]();
    assert.doesNotMatch(registry.log, /"level":"(?:error|warn)"/);
  });
  for (const [area, checks] of Object.entries(areas))
    for (const { name, run } of checks) test(`${area}: ${name}`, () => run(target));
});

test("the suite finds Debian's docker-registry conformant, but for what is listed", async (t) => {
  await using peer = await RegistryUnderTest.start();
  const target = new Target(`http://127.0.0.1:${peer.port}`);
  const failed: string[] = [];
  for (const [area, checks] of Object.entries(areas))
    for (const { name, run } of checks)
      try {
        await run(target);
      } catch (error) {
        failed.push(`${area}: ${name}`);
        if (!(`${area}: ${name}` in differencesOfDebian)) t.diagnostic(`${area}: ${name}: ${String(error)}`);
      }
  target.close();
  const unlisted = failed.filter((name) => !(name in differencesOfDebian));
  // The order of a folder may be the right one by chance.
  const isChance = (name: string) => differencesOfDebian[name] === without.paging;
  const cured = Object.keys(differencesOfDebian).filter((name) => !failed.includes(name) && !isChance(name));
  assert.deepEqual([unlisted, cured], [[], []]);
});
