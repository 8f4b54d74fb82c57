import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import { planReplicas, planStatus } from "./plan.ts";
import { inDeletionOrder } from "./pod-order.ts";

const nowMs = Date.UTC(2026, 5, 1);
const spec = { replicas: 1, minReadySeconds: 0, template: undefined };

interface Facts {
  readonly node?: string;
  readonly phase?: NonNullable<Pod["status"]>["phase"];
  readonly isReady?: boolean;
  readonly readyS?: number;
  readonly cost?: string;
  readonly restarts?: number;
  readonly ageS?: number;
}

function pod(name: string, facts: Facts): Pod {
  const { node = "n", phase = "Running", isReady = true, readyS = 60, cost, restarts = 0, ageS = 60 } = facts;
  const lastTransitionTime = timeText(nowMs - readyS * 1000);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      uid: name,
      creationTimestamp: timeText(nowMs - ageS * 1000),
      ...(cost === undefined ? {} : { annotations: { "controller.kubernetes.io/pod-deletion-cost": cost } }),
    },
    spec: { containers: [], ...(node === "" ? {} : { nodeName: node }) },
    status: {
      phase,
      conditions: [{ type: "Ready", status: isReady ? "True" : "False", lastTransitionTime }],
      containerStatuses: [{ name: "c", image: "", imageID: "", ready: isReady, restartCount: restarts }],
    },
  };
}

const goesFirst: readonly (readonly [string, Facts, Facts])[] = [
  ["has no node", { node: "" }, {}],
  ["is pending", { phase: "Pending" }, {}],
  ["is not ready", { isReady: false }, {}],
  ["costs less", { cost: "-1" }, {}],
  ["has been ready for less", { readyS: 1 }, { readyS: 1000 }],
  ["restarted more often", { restarts: 2 }, { restarts: 1 }],
  ["is younger", { ageS: 1 }, { ageS: 1000 }],
];
for (const [name, first, second] of goesFirst)
  test(`inDeletionOrder: who ${name} goes first`, () => {
    const pods = [pod("second", second), pod("first", first)];
    const order = inDeletionOrder(pods, { rankOf: () => 0, nowMs });
    assert.deepEqual(
      order.map(({ metadata }) => metadata.name),
      ["first", "second"],
    );
  });

test("planReplicas: of pods that are alike one goes from the node that has most of them", () => {
  const pods = [pod("a", { node: "x" }), pod("b", { node: "y" }), pod("c", { node: "y" })];
  const step = planReplicas({ ...spec, replicas: 2 }, pods, pods, nowMs);
  assert.ok(step?.do === "delete");
  assert.equal(step.pods[0]?.spec.nodeName, "y");
});

test("planReplicas: the step leads to as many pods as wanted, at most 500 at a time", () => {
  fc.assert(
    fc.property(fc.nat(700), fc.nat(40), (replicas, count) => {
      const pods = Array.from({ length: count }, (_, i) => pod(`p${i}`, {}));
      const step = planReplicas({ ...spec, replicas }, pods, pods, nowMs);
      const change = step === undefined ? 0 : step.do === "create" ? step.count : -step.pods.length;
      assert.equal(change, Math.min(500, replicas - count));
    }),
  );
});

test("planStatus: a pod counts as available when it has been ready long enough", () => {
  const pods = [pod("a", { readyS: 5 }), pod("b", { readyS: 15 }), pod("c", { isReady: false })];
  const status = planStatus({ ...spec, minReadySeconds: 10 }, pods, undefined, undefined, nowMs);
  assert.equal(status.replicas, 3);
  assert.equal(status.readyReplicas, 2);
  assert.equal(status.availableReplicas, 1);
});
