import assert from "node:assert/strict";
import { test } from "node:test";
import type { Deployment } from "#api/kube/types/apps.ts";
import { deployments, events, pods, replicaSets } from "#client/kube/resources.ts";
import { startReplicaSetController } from "../replica-set/reconcile.ts";
import { openWorld, running, type World } from "../world.fixture.ts";
import { startDeploymentController } from "./reconcile.ts";

const controllers = [startReplicaSetController, startDeploymentController];
const ref = { namespace: "default", name: "web" };
const merge = { type: "merge" } as const;

function deployment(spec: Partial<Deployment["spec"]> = {}): Deployment {
  const labels = { app: "web" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "web", image: "web:1" }] } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: ref,
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template,
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      ...spec,
    },
  };
}

function setImage({ kube, signal }: World, image: string): Promise<Deployment> {
  const patch = { spec: { template: { spec: { containers: [{ name: "web", image }] } } } };
  return kube.of(deployments).patch(ref, patch, merge, signal);
}

const isDone = ({ metadata, status, spec }: Deployment) =>
  status?.observedGeneration === metadata.generation &&
  status?.updatedReplicas === spec.replicas &&
  status?.replicas === spec.replicas &&
  status?.availableReplicas === spec.replicas &&
  status?.conditions?.some(({ reason }) => reason === "NewReplicaSetAvailable") === true;

test("Deployment: rolls out, counts revisions, and says so as upstream does", async () => {
  await using world = openWorld({ controllers });
  const { kube, signal } = world;
  await kube.of(deployments).create(deployment(), signal);
  const first = await world.untilOne(deployments, "web", isDone);
  assert.equal(first.metadata.annotations?.["deployment.kubernetes.io/revision"], "1");
  const [set] = await world.until(replicaSets, (all) => all.length === 1);
  assert.equal(set?.metadata.name, `web-${set?.metadata.labels?.["pod-template-hash"]}`);
  const progress = first.status?.conditions?.find(({ type }) => type === "Progressing");
  assert.equal(progress?.message, `ReplicaSet "${set?.metadata.name}" has successfully progressed.`);
  await setImage(world, "web:2");
  const second = await world.untilOne(
    deployments,
    "web",
    (object) => isDone(object) && object.metadata.annotations?.["deployment.kubernetes.io/revision"] === "2",
  );
  assert.equal(second.status?.unavailableReplicas, undefined);
  const all = await world.until(pods, (found) => found.length === 3);
  assert.ok(all.every(({ spec }) => spec.containers[0]?.image === "web:2"));
  await setImage(world, "web:1");
  const third = await world.untilOne(
    deployments,
    "web",
    (object) => isDone(object) && object.metadata.annotations?.["deployment.kubernetes.io/revision"] === "3",
  );
  assert.ok(third);
  const old = await world.untilOne(
    replicaSets,
    set?.metadata.name ?? "",
    ({ metadata }) => metadata.annotations?.["deployment.kubernetes.io/revision-history"] === "1",
  );
  assert.equal(old.metadata.annotations?.["deployment.kubernetes.io/revision"], "3");
  const told = await world.until(events, (found) =>
    found.some(({ message }) => message?.includes("from 3 to 2")),
  );
  assert.ok(
    told.some(({ message }) => message === `Scaled up replica set ${set?.metadata.name} from 0 to 3`),
  );
});

test("Deployment: with Recreate no new pod is there before the last old one has gone", async () => {
  await using world = openWorld({ controllers });
  const { kube, signal } = world;
  const images = new Set<string>();
  world.deps.informers.of(pods).handle({
    added({ spec }) {
      images.add(spec.containers[0]?.image ?? "");
      const now = [...world.deps.informers.of(pods).cache.list()].map((pod) => pod.spec.containers[0]?.image);
      assert.equal(new Set(now).size, 1);
    },
  });
  await kube.of(deployments).create(deployment({ strategy: { type: "Recreate" } }), signal);
  await world.untilOne(deployments, "web", isDone);
  await setImage(world, "web:2");
  await world.untilOne(deployments, "web", (object) => isDone(object) && images.has("web:2"));
});

test("Deployment: keeps as many old ReplicaSets as its history may have", async () => {
  await using world = openWorld({ controllers });
  const { kube, signal } = world;
  await kube.of(deployments).create(deployment({ revisionHistoryLimit: 1, replicas: 1 }), signal);
  for (const [at, image] of ["web:2", "web:3", "web:4"].entries()) {
    await world.untilOne(
      deployments,
      "web",
      (object) =>
        isDone(object) &&
        object.metadata.annotations?.["deployment.kubernetes.io/revision"] === String(at + 1),
    );
    await setImage(world, image);
  }
  await world.until(
    replicaSets,
    (all) =>
      all.length === 2 &&
      all.some(({ metadata }) => metadata.annotations?.["deployment.kubernetes.io/revision"] === "4"),
  );
});

test("Deployment: one that does not move is late, and scales all the same", async () => {
  const world = openWorld({
    controllers,
    statusOf: (pod) => (pod.spec.containers[0]?.image === "web:1" ? running() : undefined),
  });
  await using _ = world;
  const { kube, signal } = world;
  const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } as const;
  await kube.of(deployments).create(deployment({ progressDeadlineSeconds: 1, strategy }), signal);
  await world.untilOne(deployments, "web", isDone);
  await setImage(world, "broken");
  const late = await world.untilOne(
    deployments,
    "web",
    ({ status }) => status?.conditions?.some(({ reason }) => reason === "ProgressDeadlineExceeded") === true,
  );
  assert.equal(late.status?.availableReplicas, 3);
  assert.equal(late.status?.updatedReplicas, 1);
  await kube.of(deployments).patch(ref, { spec: { replicas: 6 } }, merge, signal);
  const all = await world.until(
    replicaSets,
    (sets) => sets.reduce((sum, { spec }) => sum + (spec.replicas ?? 0), 0) === 7,
  );
  assert.deepEqual(
    all.map(({ spec }) => spec.replicas ?? 0).toSorted((a, b) => a - b),
    [2, 5],
  );
});

test("Deployment: a paused one does not roll out, and goes on when it is resumed", async () => {
  await using world = openWorld({ controllers });
  const { kube, signal } = world;
  await kube.of(deployments).create(deployment(), signal);
  await world.untilOne(deployments, "web", isDone);
  await kube.of(deployments).patch(ref, { spec: { paused: true } }, merge, signal);
  await world.untilOne(
    deployments,
    "web",
    ({ status }) => status?.conditions?.some(({ reason }) => reason === "DeploymentPaused") === true,
  );
  const changed = await setImage(world, "web:2");
  await world.untilOne(
    deployments,
    "web",
    ({ status }) => status?.observedGeneration === changed.metadata.generation,
  );
  assert.equal([...world.deps.informers.of(replicaSets).cache.list()].length, 1);
  await kube.of(deployments).patch(ref, { spec: { paused: null } }, merge, signal);
  await world.untilOne(
    deployments,
    "web",
    (object) => isDone(object) && object.metadata.annotations?.["deployment.kubernetes.io/revision"] === "2",
  );
});
