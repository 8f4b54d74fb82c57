import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { PodDisruptionBudget } from "#api/kube/types/policy.ts";
import { planBudget } from "./plan.ts";

const pod = (name: string, isReady = true): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: { containers: [] },
  status: { conditions: [{ type: "Ready", status: isReady ? "True" : "False" }] },
});
const budget = (spec: PodDisruptionBudget["spec"], disruptedPods = {}): PodDisruptionBudget => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: "b" },
  spec: spec ?? {},
  status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0, disruptedPods },
});
const pods = [pod("a"), pod("b"), pod("c", false)];

test("planBudget: allows what the healthy pods leave", () => {
  assert.equal(planBudget(budget({ minAvailable: 1 }), pods, 3, 0).disruptionsAllowed, 1);
  assert.equal(planBudget(budget({ minAvailable: "50%" }), pods, 4, 0).desiredHealthy, 2);
  assert.equal(planBudget(budget({ maxUnavailable: 1 }), pods, 3, 0).disruptionsAllowed, 0);
  assert.equal(planBudget(budget({ maxUnavailable: "100%" }), pods, 3, 0).disruptionsAllowed, 2);
  assert.equal(planBudget(budget({ maxUnavailable: 1 }), [], 0, 0).disruptionsAllowed, 0);
});

test("planBudget: a pod whose eviction was agreed to does not count, for two minutes", () => {
  const agreed = budget({ minAvailable: 1 }, { a: "1970-01-01T00:00:00Z" });
  assert.equal(planBudget(agreed, pods, 3, 60_000).disruptionsAllowed, 0);
  assert.equal(planBudget(agreed, pods, 3, 180_000).disruptionsAllowed, 1);
});
