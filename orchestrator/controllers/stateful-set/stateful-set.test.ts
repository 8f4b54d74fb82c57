import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { StatefulSet, StatefulSetSpec } from "#api/kube/types/apps.ts";
import { persistentVolumeClaims, pods, statefulSets } from "#client/kube/resources.ts";
import { openWorld } from "../world.fixture.ts";
import { planSet } from "./plan.ts";
import { startStatefulSetController } from "./reconcile.ts";

const controllers = [startStatefulSetController];
const labels = { app: "db" };
const ref = { namespace: "default", name: "db" };

function set(spec: Partial<StatefulSetSpec> = {}): StatefulSet {
  const template = { metadata: { labels }, spec: { containers: [{ name: "db", image: "db:1" }] } };
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: ref,
    spec: {
      replicas: 3,
      serviceName: "db",
      selector: { matchLabels: labels },
      template,
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
      ...spec,
    },
  };
}

const isFull = ({ status, metadata }: StatefulSet) =>
  status?.readyReplicas === 3 &&
  status.updatedReplicas === 3 &&
  status.currentRevision === status.updateRevision &&
  status.observedGeneration === metadata.generation;

test("StatefulSet: makes its pods in order, each with its claim, and updates them in the opposite order", async () => {
  await using world = openWorld({ controllers });
  const { kube, signal } = world;
  const [made, gone]: [string[], string[]] = [[], []];
  world.deps.informers.of(pods).handle({
    added: ({ metadata }) => made.push(metadata.name ?? ""),
    deleted: ({ metadata }) => gone.push(metadata.name ?? ""),
  });
  const claim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data" },
    spec: { accessModes: ["ReadWriteOnce"] },
  } as const;
  await kube.of(statefulSets).create(set({ volumeClaimTemplates: [claim] }), signal);
  const full = await world.untilOne(statefulSets, "db", isFull);
  assert.deepEqual(made, ["db-0", "db-1", "db-2"]);
  const claims = await world.until(persistentVolumeClaims, (all) => all.length === 3);
  assert.deepEqual(claims.map(({ metadata }) => metadata.name ?? "").toSorted(), [
    "data-db-0",
    "data-db-1",
    "data-db-2",
  ]);
  const pod = await world.untilOne(pods, "db-0", () => true);
  assert.equal(pod.spec.hostname, "db-0");
  assert.equal(pod.spec.subdomain, "db");
  assert.equal(pod.metadata.labels?.["controller-revision-hash"], full.status?.updateRevision);
  const template = { metadata: { labels }, spec: { containers: [{ name: "db", image: "db:2" }] } };
  await kube.of(statefulSets).patch(ref, { spec: { template } }, { type: "merge" }, signal);
  await world.untilOne(
    statefulSets,
    "db",
    (one) => isFull(one) && one.status?.updateRevision !== full.status?.updateRevision,
  );
  assert.deepEqual(gone, ["db-2", "db-1", "db-0"]);
  await kube.of(statefulSets).patch(ref, { spec: { replicas: 1 } }, { type: "merge" }, signal);
  await world.until(pods, (all) => all.length === 1 && all[0]?.metadata.name === "db-0");
});

test("StatefulSet: as many pods as may be unavailable are updated at once; claims go when the set shrinks", async () => {
  await using world = openWorld({ controllers });
  const { kube, signal } = world;
  const claim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data" },
    spec: { accessModes: ["ReadWriteOnce"] },
  } as const;
  const persistentVolumeClaimRetentionPolicy = { whenScaled: "Delete" } as const;
  const more = { volumeClaimTemplates: [claim], persistentVolumeClaimRetentionPolicy };
  await kube.of(statefulSets).create(set({ ...more, podManagementPolicy: "Parallel" }), signal);
  const full = await world.untilOne(statefulSets, "db", isFull);
  await kube.of(statefulSets).patch(ref, { spec: { replicas: 1 } }, { type: "merge" }, signal);
  const claims = await world.until(
    persistentVolumeClaims,
    (all) => all.filter(({ metadata }) => metadata.ownerReferences !== undefined).length === 2,
  );
  const owners = claims.map(
    ({ metadata: { name, ownerReferences: [owner] = [] } }) => `${name} ${owner?.name}`,
  );
  assert.deepEqual(owners.toSorted(), ["data-db-0 undefined", "data-db-1 db-1", "data-db-2 db-2"]);
  const updateStrategy = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 2 } } as const;
  const some = [0, 1, 2].map((at) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `db-${at}`, labels: { "controller-revision-hash": "old" } },
    spec: { containers: [] },
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
  })) as unknown as readonly Pod[];
  const wide = { ...full, spec: { ...full.spec, replicas: 3, updateStrategy } };
  const steps = planSet(wide, some, { current: "old", update: "new" }, Date.now());
  assert.deepEqual(
    steps.map((step) => step.do === "delete" && step.pod.metadata.name),
    ["db-2", "db-1"],
  );
});

test("StatefulSet: below the partition pods stay what they are", async () => {
  await using world = openWorld({ controllers });
  const { kube, signal } = world;
  const updateStrategy = { type: "RollingUpdate", rollingUpdate: { partition: 2 } } as const;
  await kube.of(statefulSets).create(set({ updateStrategy, podManagementPolicy: "Parallel" }), signal);
  await world.untilOne(statefulSets, "db", isFull);
  const template = { metadata: { labels }, spec: { containers: [{ name: "db", image: "db:2" }] } };
  await kube.of(statefulSets).patch(ref, { spec: { template } }, { type: "merge" }, signal);
  await world.untilOne(
    statefulSets,
    "db",
    ({ status }) => status?.updatedReplicas === 1 && status.readyReplicas === 3,
  );
  await kube.of(pods).delete({ ...ref, name: "db-0" }, {}, signal);
  const [first] = await world.until(
    pods,
    (all) => all.length === 3 && all.every(({ status }) => status?.phase === "Running"),
  );
  assert.ok(first);
  const images = (await world.until(pods, () => true)).map(
    ({ metadata, spec }) => `${metadata.name} ${spec.containers[0]?.image}`,
  );
  assert.deepEqual(images.toSorted(), ["db-0 db:1", "db-1 db:1", "db-2 db:2"]);
});
