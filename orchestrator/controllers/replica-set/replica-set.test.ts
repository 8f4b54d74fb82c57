import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "#api/kube/status.ts";
import type { ReplicaSet } from "#api/kube/types/apps.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { events, pods, replicaSets } from "#client/kube/resources.ts";
import { openWorld } from "../world.fixture.ts";
import { startReplicaSetController } from "./reconcile.ts";

const controllers = [startReplicaSetController];
const labels = { app: "web" };

function set(replicas: number): ReplicaSet {
  const template = { metadata: { labels }, spec: { containers: [{ name: "web", image: "web" }] } };
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "web", namespace: "default" },
    spec: { replicas, selector: { matchLabels: labels }, template },
  };
}

const ref = { namespace: "default", name: "web" };

test("ReplicaSet: keeps as many pods as it says, tells so, and says what it does", async () => {
  await using world = openWorld({ controllers });
  const { kube, signal } = world;
  await kube.of(replicaSets).create(set(3), signal);
  const full = await world.untilOne(replicaSets, "web", ({ status }) => status?.availableReplicas === 3);
  assert.deepEqual(full.status, {
    replicas: 3,
    fullyLabeledReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    terminatingReplicas: 0,
    observedGeneration: 1,
  });
  const [pod] = await world.until(pods, (all) => all.length === 3);
  assert.match(pod?.metadata.name ?? "", /^web-.{5}$/);
  assert.equal(pod?.metadata.ownerReferences?.[0]?.uid, full.metadata.uid);
  await kube.of(replicaSets).patch(ref, { spec: { replicas: 1 } }, { type: "merge" }, signal);
  await world.until(pods, (all) => all.length === 1);
  await world.untilOne(replicaSets, "web", ({ status }) => status?.replicas === 1);
  const told = await world.until(events, (all) => all.length === 5);
  assert.deepEqual(
    new Set(told.map(({ reason }) => reason)),
    new Set(["SuccessfulCreate", "SuccessfulDelete"]),
  );
});

test("ReplicaSet: replaces a pod that goes, adopts one that fits and lets one go that no longer does", async () => {
  await using world = openWorld({ controllers });
  const { kube, signal } = world;
  const orphan: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "orphan", namespace: "default", labels },
    spec: { containers: [] },
  };
  await kube.of(pods).create(orphan, signal);
  const made = await kube.of(replicaSets).create(set(2), signal);
  await world.until(pods, (all) => all.length === 2);
  await world.untilOne(
    pods,
    "orphan",
    ({ metadata }) => metadata.ownerReferences?.[0]?.uid === made.metadata.uid,
  );
  await kube
    .of(pods)
    .patch({ ...ref, name: "orphan" }, { metadata: { labels: { app: "other" } } }, { type: "merge" }, signal);
  await world.untilOne(pods, "orphan", ({ metadata }) => (metadata.ownerReferences ?? []).length === 0);
  const all = await world.until(pods, (found) => found.length === 3);
  const own = all.find(({ metadata }) => metadata.name !== "orphan");
  await kube.of(pods).delete({ ...ref, name: own?.metadata.name ?? "" }, {}, signal);
  await world.until(
    pods,
    (found) => found.length === 3 && !found.some(({ metadata }) => metadata.uid === own?.metadata.uid),
  );
});

test("ReplicaSet: what cannot be made is told in the status and is tried again", async () => {
  await using world = openWorld({ controllers });
  const { api, kube, signal } = world;
  const message = 'pods "web-x" is forbidden: exceeded quota: small';
  api.refuse = ({ method, path }) =>
    method === "POST" && path.endsWith("/pods") ? failure("Forbidden", message) : undefined;
  await kube.of(replicaSets).create(set(5), signal);
  const told = await world.untilOne(
    replicaSets,
    "web",
    ({ status }) => (status?.conditions ?? []).length > 0,
  );
  const [condition] = told.status?.conditions ?? [];
  assert.equal(condition?.type, "ReplicaFailure");
  assert.equal(condition?.reason, "FailedCreate");
  assert.equal(condition?.message, message);
  api.refuse = () => undefined;
  await world.untilOne(
    replicaSets,
    "web",
    ({ status }) => status?.replicas === 5 && status.conditions === undefined,
  );
});
