import assert from "node:assert/strict";
import { test } from "node:test";
import { hardenedPolicy, usualPolicy } from "#base/container-policy.ts";
import { parseFlags } from "../flags.ts";
import { planPolicy, policyFlags, policyWords } from "./policy-flags.ts";

const read = (...argv: readonly string[]) => parseFlags(policyFlags, argv, { interspersed: true }).values;

test("planPolicy: by default as Docker, hardened in one word, and each part by its own", () => {
  assert.deepEqual(planPolicy(read()), usualPolicy);
  assert.deepEqual(planPolicy(read("--hardened")), hardenedPolicy);
  assert.deepEqual(planPolicy(read("--icc=false")), { ...usualPolicy, connectsBridge: false });
  assert.deepEqual(planPolicy(read("--no-new-privileges")), { ...usualPolicy, noNewPrivileges: true });
  assert.deepEqual(planPolicy(read("--side-doors=deny")), { ...usualPolicy, sideDoors: "deny" });
  assert.equal(planPolicy(read("--hardened", "--side-doors=allow")).sideDoors, "warn", "never laxer");
  assert.throws(() => read("--side-doors=x"), /not allow, warn or deny/);
  assert.equal(planPolicy(read("--hardened", "--default-pids-limit", "9")).pidsLimit, 9);
  assert.throws(() => planPolicy(read("--default-pids-limit", "0")), /at least one process/);
});

test("policyWords: come to the same for another process", () => {
  for (const argv of [
    [],
    ["--hardened"],
    ["--icc=false", "--default-pids-limit=7"],
    ["--no-new-privileges"],
    ["--side-doors=deny"],
  ])
    assert.deepEqual(planPolicy(read(...policyWords(read(...argv)))), planPolicy(read(...argv)));
});
