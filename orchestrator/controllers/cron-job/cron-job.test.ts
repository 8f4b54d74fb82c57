import assert from "node:assert/strict";
import { test } from "node:test";
import type { CronJob, CronJobSpec, Job } from "#api/kube/types/batch.ts";
import { cronJobs, jobs } from "#client/kube/resources.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import { openWorld } from "../world.fixture.ts";
import { dueOf, jobOf, jobsToForget } from "./plan.ts";
import { startCronJobController } from "./reconcile.ts";
import { readSchedule } from "./schedule.ts";

const created = Date.UTC(2026, 0, 1, 10, 0, 30);
const minute = 60_000;

function cronJob(spec: Partial<CronJobSpec> = {}): CronJob {
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "tick", namespace: "default", creationTimestamp: timeText(created) },
    spec: { schedule: "*/5 * * * *", jobTemplate: { spec: { template: {} } }, ...spec },
  };
}

test("dueOf: nothing before the first time, then the last that has not been served", async () => {
  const schedule = await readSchedule("*/5 * * * *", undefined);
  assert.equal(dueOf(cronJob(), schedule, created + minute), undefined);
  assert.deepEqual(dueOf(cronJob(), schedule, created + 5 * minute), {
    atMs: Date.UTC(2026, 0, 1, 10, 5),
    missed: "none",
  });
  assert.deepEqual(dueOf(cronJob(), schedule, created + 12 * minute), {
    atMs: Date.UTC(2026, 0, 1, 10, 10),
    missed: "few",
  });
  const late = dueOf(cronJob(), schedule, created + 30 * 24 * 60 * minute);
  assert.deepEqual(late, { atMs: Date.UTC(2026, 0, 31, 10, 0), missed: "many" });
  assert.equal(dueOf(cronJob({ startingDeadlineSeconds: 10 }), schedule, created + 7 * minute), undefined);
});

test("readSchedule: goes by the clock of its time zone", async () => {
  const schedule = await readSchedule("30 9 * * *", "Europe/Berlin");
  assert.equal(schedule.next(Date.UTC(2026, 0, 1)), Date.UTC(2026, 0, 1, 8, 30));
  assert.equal(schedule.next(Date.UTC(2026, 6, 1)), Date.UTC(2026, 6, 1, 7, 30));
});

test("readSchedule: @every takes any length of time that validation lets through, at least a second", async () => {
  const after = Date.UTC(2026, 0, 1) + 250;
  const stepOf = async (text: string) =>
    ((await readSchedule(text, undefined)).next(after) ?? 0) - Date.UTC(2026, 0, 1);
  assert.deepEqual(
    await Promise.all(["@every 90s", "@every 1h30m", "@every 1.5h", "@every 300ms"].map(stepOf)),
    [90_000, 5_400_000, 5_400_000, 1000],
  );
});

test("jobOf: names the Job by its time", () => {
  const { metadata } = jobOf(cronJob(), Date.UTC(2026, 0, 1, 10, 5));
  assert.equal(metadata.name, `tick-${Date.UTC(2026, 0, 1, 10, 5) / minute}`);
  assert.equal(
    metadata.annotations?.["batch.kubernetes.io/cronjob-scheduled-timestamp"],
    "2026-01-01T10:05:00Z",
  );
});

test("jobsToForget: of those that are over the newest are kept, three that went well and one that did not", () => {
  const over = (name: string, type: string, at: number): Job => ({
    ...jobOf(cronJob(), 0),
    metadata: { name },
    status: { startTime: timeText(at * minute), conditions: [{ type, status: "True" }] },
  });
  const all = [1, 2, 3, 4, 5]
    .map((at) => over(`g${at}`, "Complete", at))
    .concat([over("b1", "Failed", 1), over("b2", "Failed", 2)]);
  assert.deepEqual(
    jobsToForget(cronJob(), all).map(({ metadata }) => metadata.name),
    ["g1", "g2", "b1"],
  );
});

test("CronJob: makes a Job when it is due, and not while one runs that may not be beside it", async () => {
  await using world = openWorld({ controllers: [startCronJobController] });
  const { kube, signal } = world;
  const spec = { schedule: "* * * * *", concurrencyPolicy: "Forbid" } as const;
  const hourAgo = timeText(Date.now() - 60 * minute);
  const made = cronJob(spec);
  await kube
    .of(cronJobs)
    .create({ ...made, metadata: { ...made.metadata, creationTimestamp: hourAgo } }, signal);
  const told = await world.untilOne(cronJobs, "tick", ({ status }) => (status?.active ?? []).length === 1);
  const [job] = await world.until(jobs, (all) => all.length === 1);
  assert.equal(told.status?.active?.[0]?.name, job?.metadata.name);
  assert.ok(told.status?.lastScheduleTime);
  const done = { conditions: [{ type: "Complete", status: "True" }], completionTime: timeText(Date.now()) };
  await kube.of(jobs).updateStatus({ ...(job as Job), status: done }, signal);
  await world.untilOne(
    cronJobs,
    "tick",
    ({ status }) => status?.active === undefined && status?.lastSuccessfulTime !== undefined,
  );
});
