import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node } from "#api/kube/types/core.ts";
import type { Pod, Toleration } from "#api/kube/types/core-pods.ts";
import { planTaints, staysForS, unknownConditions } from "./plan.ts";

const node: Node = {
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "n" },
  spec: {
    taints: [
      { key: "mine", effect: "NoSchedule" },
      { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" },
    ],
  },
  status: { conditions: [{ type: "Ready", status: "True" }] },
};

test("planTaints: a node that is ready again loses what it got, but not what others gave it", () => {
  assert.deepEqual(planTaints(node, 0), [{ key: "mine", effect: "NoSchedule" }]);
});

test("planTaints: a node that nobody hears of keeps pods away and lets them go", () => {
  const silent = { ...node, status: { conditions: unknownConditions(node, 0) } };
  assert.deepEqual(
    planTaints(silent, 0).map(({ key, effect }) => `${key}:${effect}`),
    [
      "mine:NoSchedule",
      "node.kubernetes.io/unreachable:NoSchedule",
      "node.kubernetes.io/unreachable:NoExecute",
    ],
  );
});

test("staysForS: as long as the most impatient toleration says", () => {
  const taints = [
    { key: "a", effect: "NoExecute" as const },
    { key: "b", effect: "NoSchedule" as const },
  ];
  const pod = (tolerations: readonly Toleration[]): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {},
    spec: { containers: [], tolerations },
  });
  assert.equal(staysForS(pod([]), taints), 0);
  assert.equal(staysForS(pod([{ key: "a", operator: "Exists", tolerationSeconds: 300 }]), taints), 300);
  assert.equal(staysForS(pod([{ operator: "Exists" }]), taints), undefined);
  assert.equal(staysForS(pod([]), taints.slice(1)), undefined);
});
