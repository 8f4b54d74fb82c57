import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job, JobSpec } from "#api/kube/types/batch.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { jobs, pods } from "#client/kube/resources.ts";
import { openWorld } from "../world.fixture.ts";
import { planJob } from "./plan.ts";
import { startJobController } from "./reconcile.ts";

const controllers = [startJobController];
const labels = { job: "sum" };

function job(spec: Partial<JobSpec> = {}): Job {
  const template = {
    metadata: { labels },
    spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] },
  } as const;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "sum", namespace: "default" },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      selector: { matchLabels: labels },
      template,
      ...spec,
    },
  };
}

const succeeded = { phase: "Succeeded" } as const;
const conditionOf = (of: Job, type: string) => of.status?.conditions?.find((one) => one.type === type);

test("Job: runs as often as wanted, counts each pod once and is complete then", async () => {
  await using world = openWorld({ controllers, statusOf: () => succeeded });
  await world.kube.of(jobs).create(job({ completions: 5, parallelism: 2 }), world.signal);
  const done = await world.untilOne(jobs, "sum", (one) => conditionOf(one, "Complete") !== undefined);
  assert.equal(done.status?.succeeded, 5);
  assert.equal(done.status?.active, undefined);
  assert.ok(done.status?.completionTime);
  assert.equal(conditionOf(done, "Complete")?.message, "Reached expected number of succeeded pods");
  await world.until(
    pods,
    (all) => all.length === 5 && all.every(({ metadata }) => metadata.finalizers === undefined),
  );
});

test("Job: an indexed one gives each pod its number", async () => {
  await using world = openWorld({ controllers, statusOf: () => succeeded });
  await world.kube
    .of(jobs)
    .create(job({ completions: 3, parallelism: 3, completionMode: "Indexed" }), world.signal);
  const done = await world.untilOne(jobs, "sum", (one) => conditionOf(one, "Complete") !== undefined);
  assert.equal(done.status?.completedIndexes, "0-2");
  const all = await world.until(pods, () => true);
  assert.deepEqual(all.map(({ spec }) => spec.hostname ?? "").toSorted(), ["sum-0", "sum-1", "sum-2"]);
});

test("Job: the rule of an exit code fails it at once", async () => {
  const status: Pod["status"] = {
    phase: "Failed",
    containerStatuses: [
      {
        name: "c",
        image: "",
        imageID: "",
        ready: false,
        restartCount: 0,
        state: { terminated: { exitCode: 42 } },
      },
    ],
  };
  await using world = openWorld({ controllers, statusOf: () => status });
  const rules = [{ action: "FailJob", onExitCodes: { operator: "In", values: [42] } }] as const;
  await world.kube.of(jobs).create(job({ podFailurePolicy: { rules } }), world.signal);
  const done = await world.untilOne(jobs, "sum", (one) => conditionOf(one, "Failed") !== undefined);
  const [pod] = await world.until(pods, () => true);
  assert.equal(conditionOf(done, "Failed")?.reason, "PodFailurePolicy");
  assert.equal(
    conditionOf(done, "Failed")?.message,
    `Container c for pod default/${pod?.metadata.name} failed with exit code 42 matching FailJob rule at index 0`,
  );
  assert.equal(done.status?.failed, 1);
});

test("Job: a suspended one has no pods, and begins when it is resumed", async () => {
  await using world = openWorld({ controllers, statusOf: () => succeeded });
  const { kube, signal } = world;
  await kube.of(jobs).create(job({ suspend: true }), signal);
  await world.untilOne(jobs, "sum", (one) => conditionOf(one, "Suspended")?.status === "True");
  assert.equal((await world.until(pods, () => true)).length, 0);
  await kube
    .of(jobs)
    .patch({ namespace: "default", name: "sum" }, { spec: { suspend: false } }, { type: "merge" }, signal);
  const done = await world.untilOne(jobs, "sum", (one) => conditionOf(one, "Complete") !== undefined);
  assert.equal(conditionOf(done, "Suspended")?.status, "False");
});

test("planJob: after too many failures the rest goes, and the Job has failed when it has gone", () => {
  const failed = (name: string): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, uid: name },
    spec: { containers: [] },
    status: { phase: "Failed" },
  });
  const going = { ...job({ backoffLimit: 1, parallelism: 2, completions: 4 }), status: { failed: 2 } };
  const active: Pod = { ...failed("c"), status: { phase: "Running" } };
  const first = planJob(going, [failed("a"), failed("b"), active], 0);
  assert.deepEqual(first.remove, [active]);
  assert.equal(first.status.conditions?.[0]?.type, "FailureTarget");
  const last = planJob({ ...going, status: first.status }, [failed("a"), failed("b")], 0);
  assert.equal(last.status.conditions?.at(-1)?.type, "Failed");
  assert.equal(last.status.conditions?.at(-1)?.reason, "BackoffLimitExceeded");
});
