import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Node } from "#api/kube/types/core.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { nodes, pods } from "#client/kube/resources.ts";
import { LiveCluster } from "../support/live-cluster.ts";
import { hasEnded, isReady, shell, waits } from "../support/pod-cases.ts";

// A node that has too little memory: it says so, lets pods go that may go, and takes none of those that could make it worse.

let cluster: LiveCluster;
before(async () => {
  cluster = await LiveCluster.start();
});
after(() => cluster[Symbol.asyncDispose]());

async function whenNode(holds: (node: Node) => boolean, signal: AbortSignal): Promise<void> {
  const fieldSelector = `metadata.name=${cluster.nodeName}`;
  const watch = await cluster.kube.of(nodes).watch({ fieldSelector }, signal);
  for await (const { object } of watch) if (holds(object)) return;
}

const pressure = ({ status }: Node) => status?.conditions?.find(({ type }) => type === "MemoryPressure");
const hasTaint = ({ spec }: Node) =>
  spec?.taints?.some(({ key }) => key === "node.kubernetes.io/memory-pressure") === true;

test("a node under pressure evicts the pod that uses the most beyond what it asked for, and no critical one", async (t) => {
  const containers = [shell("main", `dd if=/dev/zero of=/dev/null bs=8M count=1 2>/dev/null; ${waits}`)];
  await cluster.pod("greedy", { containers }, t.signal);
  const spec = { terminationGracePeriodSeconds: 1, priorityClassName: "system-node-critical", containers };
  const metadata = { name: "critical", namespace: "kube-system" };
  await cluster.kube.of(pods).create({ apiVersion: "v1", kind: "Pod", metadata, spec } as Pod, t.signal);
  await cluster.when("greedy", isReady, t.signal);
  const critical = await cluster.when("critical", isReady, t.signal, "kube-system");
  await cluster.kill("SIGTERM");
  await cluster.up(["--eviction-hard", "memory.available<100%"]);

  const { status } = await cluster.when("greedy", hasEnded, t.signal);
  assert.deepEqual([status?.phase, status?.reason], ["Failed", "Evicted"]);
  assert.match(
    status?.message ?? "",
    /^The node was low on resource: memory. Threshold quantity: \d+Ki, available: \d+Ki. Container main was using \d+Ki, request is 0, has larger consumption of memory. $/,
  );
  const target = status?.conditions?.find(({ type }) => type === "DisruptionTarget");
  assert.deepEqual([target?.status, target?.reason], ["True", "TerminationByKubelet"]);
  await whenNode((node) => pressure(node)?.status === "True" && hasTaint(node), t.signal);
  const now = cluster.find("critical", "kube-system");
  assert.deepEqual(now?.status?.containerStatuses, critical.status?.containerStatuses);
});

test("a node under pressure turns pods away that have asked for nothing", async (t) => {
  await cluster.pod("late", { nodeName: cluster.nodeName, containers: [shell("main", waits)] }, t.signal);
  const { status } = await cluster.when("late", hasEnded, t.signal);
  assert.deepEqual(
    [status?.phase, status?.reason, status?.message],
    ["Failed", "Evicted", "The node had condition: [MemoryPressure]. "],
  );
});

test("a node that is well again takes pods", async (t) => {
  await cluster.kill("SIGTERM");
  await cluster.up();
  await whenNode((node) => pressure(node)?.status === "False" && !hasTaint(node), t.signal);
  await cluster.pod("again", { containers: [shell("main", waits)] }, t.signal);
  await cluster.when("again", isReady, t.signal);
});
