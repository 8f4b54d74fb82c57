import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node } from "#api/kube/types/core.ts";
import type { Pod, PodSpec } from "#api/kube/types/core-pods.ts";
import { silentLog } from "#base/log.ts";
import { type KubeClient, kubeClient } from "#client/kube/kube-client.ts";
import { events, nodes, pods } from "#client/kube/resources.ts";
import { systemTimers } from "#host/system-timers.ts";
import { EventBroadcaster } from "#orchestrator/informers/event-recorder.ts";
import { InformerFactory } from "#orchestrator/informers/informer-factory.ts";
import { MemoryApi } from "#orchestrator/informers/memory-api.fixture.ts";
import { runScheduler } from "./scheduler.ts";

interface World extends AsyncDisposable {
  readonly kube: KubeClient;
  readonly signal: AbortSignal;
  until(isWanted: (pods: ReadonlyMap<string, Pod>) => boolean): Promise<void>;
  pod(name: string): Pod | undefined;
}

function open(): World {
  const kube = kubeClient(new MemoryApi(), { userAgent: "scheduler" });
  const stop = new AbortController();
  const common = { timers: systemTimers, random: Math.random, log: silentLog };
  const informers = new InformerFactory(kube, common);
  informers.start(stop.signal);
  const broadcaster = new EventBroadcaster({ kube, ...common }, stop.signal);
  const ended = runScheduler({ ...common, kube, informers, events: broadcaster }, stop.signal);
  const { cache } = informers.of(pods);
  return {
    kube,
    signal: stop.signal,
    pod: (name) => cache.get(`default/${name}`),
    async until(isWanted) {
      const done = Promise.withResolvers<void>();
      const check = () => {
        const all = new Map([...cache.list()].map((pod) => [pod.metadata.name ?? "", pod]));
        if (isWanted(all)) done.resolve();
      };
      using _ = informers.of(pods).handle({ added: check, updated: check, deleted: check });
      check();
      await done.promise;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([ended, informers.ended()]);
    },
  };
}

function node(name: string, more: Partial<Node> = {}, allocatable: Record<string, string> = {}): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    spec: {},
    ...more,
    metadata: { ...more.metadata, name },
    status: { allocatable: { cpu: "2", memory: "4Gi", pods: "10", ...allocatable } },
  };
}

function pod(name: string, spec: Partial<PodSpec> = {}, labels: Record<string, string> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", labels },
    spec: { containers: [{ name: "c", image: "i" }], ...spec },
  };
}

const asking = (cpu: string) => [{ name: "c", image: "i", resources: { requests: { cpu } } }];
const scheduled = (of: Pod | undefined) =>
  of?.status?.conditions?.find(({ type }) => type === "PodScheduled");

test("scheduler: pods are spread, and one that fits nowhere is told why until there is room", async () => {
  await using world = open();
  const { kube, signal } = world;
  for (const name of ["a", "b"]) await kube.of(nodes).create(node(name), signal);
  for (const name of ["p1", "p2"])
    await kube.of(pods).create(pod(name, { containers: asking("1500m") }), signal);
  await world.until(
    (all) => all.get("p1")?.spec.nodeName !== undefined && all.get("p2")?.spec.nodeName !== undefined,
  );
  assert.notEqual(world.pod("p1")?.spec.nodeName, world.pod("p2")?.spec.nodeName);
  await kube.of(pods).create(pod("p3", { containers: asking("1") }), signal);
  await world.until((all) => scheduled(all.get("p3"))?.reason === "Unschedulable");
  assert.equal(
    scheduled(world.pod("p3"))?.message,
    "0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
  );
  await kube.of(nodes).create(node("c"), signal);
  await world.until((all) => all.get("p3")?.spec.nodeName === "c");
  const { items } = await kube.of(events).list({}, signal);
  assert.ok(items.some(({ reason }) => reason === "FailedScheduling"));
});

test("scheduler: taints, selectors, cordons and ports keep a pod away, each in its words", async () => {
  await using world = open();
  const { kube, signal } = world;
  await kube
    .of(nodes)
    .create(node("tainted", { spec: { taints: [{ key: "gpu", effect: "NoSchedule" }] } }), signal);
  await kube.of(nodes).create(node("cordoned", { spec: { unschedulable: true } }), signal);
  await kube.of(nodes).create(node("plain"), signal);
  const ports = [{ name: "c", image: "i", ports: [{ containerPort: 80, hostPort: 80 }] }];
  await kube.of(pods).create(pod("first", { containers: ports }), signal);
  await world.until((all) => all.get("first")?.spec.nodeName === "plain");
  await kube.of(pods).create(pod("second", { containers: ports }), signal);
  await world.until((all) => scheduled(all.get("second")) !== undefined);
  assert.match(
    scheduled(world.pod("second"))?.message ?? "",
    /^0\/3 nodes are available: 1 node\(s\) didn't have free ports for the requested pod ports, 1 node\(s\) had untolerated taint\(s\), 1 node\(s\) were unschedulable\./,
  );
  await kube
    .of(pods)
    .create(pod("picky", { nodeSelector: { disk: "ssd" }, tolerations: [{ operator: "Exists" }] }), signal);
  await world.until((all) => scheduled(all.get("picky")) !== undefined);
  assert.match(
    scheduled(world.pod("picky"))?.message ?? "",
    /^0\/3 nodes are available: 3 node\(s\) didn't match Pod's node affinity\/selector\./,
  );
  await kube.of(pods).create(
    pod("tolerant", {
      tolerations: [{ key: "gpu", operator: "Exists" }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchFields: [{ key: "metadata.name", operator: "In", values: ["tainted"] }] },
            ],
          },
        },
      },
    }),
    signal,
  );
  await world.until((all) => all.get("tolerant")?.spec.nodeName === "tainted");
});

test("scheduler: anti-affinity and spread constraints keep pods apart, affinity brings them together", async () => {
  await using world = open();
  const { kube, signal } = world;
  for (const name of ["a", "b"])
    await kube.of(nodes).create(node(name, { metadata: { labels: { zone: name } } }), signal);
  const term = { labelSelector: { matchLabels: { app: "db" } }, topologyKey: "zone" };
  const apart = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  for (const name of ["d1", "d2", "d3"])
    await kube.of(pods).create(pod(name, { affinity: apart }, { app: "db" }), signal);
  await world.until(
    (all) =>
      [...all.values()].filter(({ spec }) => spec.nodeName !== undefined).length === 2 &&
      [...all.values()].some((one) => scheduled(one) !== undefined),
  );
  const waiting = ["d1", "d2", "d3"]
    .map((name) => world.pod(name) as Pod)
    .find(({ spec }) => spec.nodeName === undefined) as Pod;
  assert.match(scheduled(waiting)?.message ?? "", /2 node\(s\) didn't match pod anti-affinity rules\./);
  const placed = ["d1", "d2", "d3"]
    .map((name) => world.pod(name) as Pod)
    .find(({ spec }) => spec.nodeName === "b") as Pod;
  assert.ok(placed);
  const near = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  await kube.of(pods).create(pod("web", { affinity: near }), signal);
  await world.until((all) => all.get("web")?.spec.nodeName !== undefined);
  const constraint = {
    topologyKey: "zone",
    maxSkew: 1,
    whenUnsatisfiable: "DoNotSchedule" as const,
    labelSelector: { matchLabels: { app: "even" } },
  };
  const names = ["e1", "e2", "e3", "e4"];
  for (const name of names)
    await kube
      .of(pods)
      .create(pod(name, { topologySpreadConstraints: [constraint] }, { app: "even" }), signal);
  await world.until((all) => names.every((name) => all.get(name)?.spec.nodeName !== undefined));
  assert.equal(names.filter((name) => world.pod(name)?.spec.nodeName === "a").length, 2);
});

test("scheduler: an important pod makes the least important ones go, and gets their place", async () => {
  await using world = open();
  const { kube, signal } = world;
  await kube.of(nodes).create(node("a"), signal);
  await kube
    .of(pods)
    .create(pod("low", { containers: asking("1"), priority: 1, terminationGracePeriodSeconds: 0 }), signal);
  await kube
    .of(pods)
    .create(
      pod("middle", { containers: asking("1"), priority: 5, terminationGracePeriodSeconds: 0 }),
      signal,
    );
  await world.until(
    (all) => all.get("low")?.spec.nodeName === "a" && all.get("middle")?.spec.nodeName === "a",
  );
  await kube.of(pods).create(pod("high", { containers: asking("1"), priority: 10 }), signal);
  await world.until((all) => !all.has("low") && all.get("high")?.spec.nodeName === "a");
  assert.ok(world.pod("middle"));
});

test("scheduler: a gated pod waits until its gates are gone", async () => {
  await using world = open();
  const { kube, signal } = world;
  await kube.of(nodes).create(node("a"), signal);
  await kube.of(pods).create(pod("gated", { schedulingGates: [{ name: "wait" }] }), signal);
  await world.until((all) => scheduled(all.get("gated"))?.reason === "SchedulingGated");
  await kube
    .of(pods)
    .patch(
      { namespace: "default", name: "gated" },
      { spec: { schedulingGates: null } },
      { type: "merge" },
      signal,
    );
  await world.until((all) => all.get("gated")?.spec.nodeName === "a");
});
