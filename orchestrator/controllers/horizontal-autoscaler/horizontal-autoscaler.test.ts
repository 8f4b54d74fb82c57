import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { HorizontalPodAutoscalerSpec } from "#api/kube/types/autoscaling.ts";
import { limitChange, type Past } from "./limits.ts";
import { recommend, type ResourceTarget, type UsageFacts } from "./usage.ts";

const nowMs = Date.parse("2030-01-01T01:00:00Z");
const long = "2030-01-01T00:00:00Z";

type How = "ready" | "pending" | "unready" | "unmeasured";

/** Pods that ask for 100m of a processor; each uses so many thousandths. */
function facts(uses: readonly (readonly [milli: number, how?: How])[], current = uses.length): UsageFacts {
  const pods = uses.map(([, how = "ready"], at) => {
    const status = how === "unready" ? "False" : "True";
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `p${at}` },
      spec: { containers: [{ name: "c", image: "i", resources: { requests: { cpu: "100m" } } }] },
      status: {
        phase: how === "pending" ? "Pending" : "Running",
        startTime: long,
        conditions: [{ type: "Ready", status, lastTransitionTime: long }],
      },
    } as Pod;
  });
  const metrics = uses.flatMap(([milli, how], at) =>
    how === "unmeasured" || how === "pending"
      ? []
      : [
          {
            metadata: { name: `p${at}` },
            timestamp: new Date(nowMs).toISOString(),
            window: "15s",
            containers: [{ name: "c", usage: { cpu: `${milli}m` } }],
          },
        ],
  );
  return { pods, metrics, current, nowMs, tolerance: 0.1 };
}

const half: ResourceTarget = { resource: "cpu", target: { utilization: 50 } };

test("recommend: as many pods as would use what the target says, and none more within the tolerance", () => {
  assert.deepEqual(recommend(half, facts([[100], [100]])), {
    replicas: 4,
    averageMilli: 100,
    utilization: 100,
  });
  assert.equal(recommend(half, facts([[10], [10], [10], [10]])).replicas, 1);
  assert.equal(recommend(half, facts([[52], [53]])).replicas, 2);
  const average: ResourceTarget = { resource: "cpu", target: { averageMilli: 30 } };
  assert.deepEqual(recommend(average, facts([[60], [60]])), { replicas: 4, averageMilli: 60 });
});

test("recommend: pods that are not ready or not measured make the change smaller, and never turn it round", () => {
  // Those that are pending count as idle when there are to be more.
  assert.equal(recommend(half, facts([[200], [200], [0, "pending"]])).replicas, 8);
  assert.equal(recommend(half, facts([[120], [0, "pending"], [0, "pending"]])).replicas, 3);
  // One that started badly is not asked.
  assert.equal(recommend(half, facts([[100], [0, "unready"]])).replicas, 2);
  // Those that are not measured count as busy when there are to be fewer, as idle when more.
  assert.equal(recommend(half, facts([[10], [10], [0, "unmeasured"]])).replicas, 3);
  assert.equal(recommend(half, facts([[20], [0, "unmeasured"]])).replicas, 2);
  assert.throws(() => recommend(half, facts([])), /no pods returned by selector/);
  assert.throws(() => recommend(half, facts([[0, "unmeasured"]])), /did not receive metrics/);
  const memory: ResourceTarget = { resource: "memory", target: { utilization: 50 } };
  const measured = facts([[1]]);
  const metrics = measured.metrics.map((one) => ({
    ...one,
    containers: [{ name: "c", usage: { memory: "1Mi" } }],
  }));
  assert.throws(
    () => recommend(memory, { ...measured, metrics }),
    /missing request for memory in container c of Pod p0/,
  );
});

const spec: HorizontalPodAutoscalerSpec = {
  minReplicas: 2,
  maxReplicas: 20,
  scaleTargetRef: { kind: "Deployment", name: "d" },
};
const never: Past = { recommendations: [], changes: [] };

test("limitChange: within the bounds, up as fast as the policies let it, down only after five minutes", () => {
  const change = (current: number, wanted: number, past = never, own = spec) =>
    limitChange(own, current, wanted, past, nowMs);
  assert.deepEqual(change(3, 5), { replicas: 5 });
  assert.equal(change(3, 30).limited?.reason, "ScaleUpLimit");
  assert.equal(change(3, 30).replicas, 7);
  assert.equal(change(10, 30).replicas, 20);
  assert.equal(change(18, 30).limited?.reason, "TooManyReplicas");
  assert.deepEqual([change(3, 1).replicas, change(3, 1).limited?.reason], [2, "TooFewReplicas"]);
  const lately = { ...never, recommendations: [{ atMs: nowMs - 100_000, replicas: 6 }] };
  assert.deepEqual(
    [change(6, 2, lately).replicas, change(6, 2, lately).stabilized?.reason],
    [6, "ScaleDownStabilized"],
  );
  const before = { ...never, recommendations: [{ atMs: nowMs - 400_000, replicas: 6 }] };
  assert.deepEqual(change(6, 2, before), { replicas: 2 });
  // What was added in the last 15 seconds counts.
  const grown = { ...never, changes: [{ atMs: nowMs - 5000, by: 4 }] };
  assert.equal(change(7, 30, grown).replicas, 7);
  const slow = {
    ...spec,
    behavior: {
      scaleUp: { policies: [{ type: "Pods", value: 1, periodSeconds: 60 }] },
      scaleDown: { selectPolicy: "Disabled" },
    },
  };
  assert.equal(change(3, 30, never, slow).replicas, 4);
  assert.equal(change(10, 2, never, slow).replicas, 10);
});
