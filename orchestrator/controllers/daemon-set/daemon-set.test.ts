import assert from "node:assert/strict";
import { test } from "node:test";
import type { DaemonSet } from "#api/kube/types/apps.ts";
import type { Node } from "#api/kube/types/core.ts";
import { daemonSets, nodes, pods } from "#client/kube/resources.ts";
import { openWorld } from "../world.fixture.ts";
import { fitsNode, nodeOf } from "./plan.ts";
import { startDaemonSetController } from "./reconcile.ts";

const controllers = [startDaemonSetController];
const labels = { app: "agent" };
const ref = { namespace: "default", name: "agent" };

const set: DaemonSet = {
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: ref,
  spec: {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { containers: [{ name: "a", image: "a:1" }], nodeSelector: { role: "work" } },
    },
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
  },
};

function node(name: string, taints: Node["spec"]["taints"] = []): Node {
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels: { role: "work" } }, spec: { taints } };
}

const isFull =
  (count: number) =>
  ({ status, metadata }: DaemonSet) =>
    status?.numberAvailable === count &&
    status.updatedNumberScheduled === count &&
    status.desiredNumberScheduled === count &&
    status.observedGeneration === metadata.generation;

test("DaemonSet: every node that fits has one pod, also a new one, and updates go from node to node", async () => {
  await using world = openWorld({ controllers, nodeOf });
  const { kube, signal } = world;
  for (const name of ["a", "b"]) await kube.of(nodes).create(node(name), signal);
  await kube.of(nodes).create({ ...node("other"), metadata: { name: "other" } }, signal);
  await kube.of(daemonSets).create(set, signal);
  await world.untilOne(daemonSets, "agent", isFull(2));
  const all = await world.until(pods, () => true);
  assert.deepEqual(all.map(({ spec }) => spec.nodeName ?? "").toSorted(), ["a", "b"]);
  await kube.of(nodes).create(node("c"), signal);
  await world.untilOne(daemonSets, "agent", isFull(3));
  const template = { spec: { containers: [{ name: "a", image: "a:2" }] } };
  await kube.of(daemonSets).patch(ref, { spec: { template } }, { type: "merge" }, signal);
  await world.untilOne(daemonSets, "agent", (one) => isFull(3)(one) && (one.metadata.generation ?? 0) > 1);
  const updated = await world.until(pods, (found) => found.length === 3);
  assert.ok(updated.every(({ spec }) => spec.containers[0]?.image === "a:2"));
  await kube
    .of(nodes)
    .patch({ name: "c" }, { metadata: { labels: { role: "rest" } } }, { type: "merge" }, signal);
  await world.until(pods, (found) => found.length === 2);
});

test("fitsNode: a cordoned or unreachable node keeps its pods, a tainted one gets none", () => {
  const unreachable = { key: "node.kubernetes.io/unreachable", effect: "NoExecute" } as const;
  assert.deepEqual(fitsNode(set, node("a", [unreachable])), { runs: true, stays: true });
  assert.deepEqual(fitsNode(set, node("a", [{ key: "gpu", effect: "NoSchedule" }])), {
    runs: false,
    stays: true,
  });
  assert.deepEqual(fitsNode(set, node("a", [{ key: "gpu", effect: "NoExecute" }])), {
    runs: false,
    stays: false,
  });
});
