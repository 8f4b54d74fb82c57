import { isStatus } from "#api/kube/status.ts";
import type { CronJob, Job } from "#api/kube/types/batch.ts";
import { messageOf } from "#base/fault.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { cronJobs, jobs } from "#client/kube/resources.ts";
import type { EventRecorder } from "#orchestrator/informers/event-recorder.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { type Again, runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { isFinishedJob } from "../job/plan.ts";
import { byController, controllerIndex, controllerOf } from "../owner.ts";
import { isNamespaceTerminating } from "../pods/pod-control.ts";
import { didSucceed, dueOf, jobOf, jobsToForget, type Schedule } from "./plan.ts";
import { readSchedule } from "./schedule.ts";

interface Working {
  readonly deps: ControllerDeps;
  readonly cronJobs: IndexedCache<CronJob>;
  readonly jobs: IndexedCache<Job>;
  readonly events: EventRecorder;
  /** When Jobs were made, by uid. */
  readonly recent: Map<string, number>;
}

/** Makes Jobs by the clock. */
export async function startCronJobController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const own = deps.informers.of(cronJobs);
  const jobInformer = deps.informers.of(jobs);
  jobInformer.cache.addIndex(controllerIndex, byController);
  const events = deps.events.recorder("cronjob-controller");
  const working: Working = { deps, cronJobs: own.cache, jobs: jobInformer.cache, events, recent: new Map() };
  const controller = {
    name: "cronjob-controller",
    reconcile: (key: string, signal: AbortSignal) => reconcile(working, key, signal),
  };
  const ready = Promise.all([own.synced(signal), jobInformer.synced(signal)]);
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const enqueue = (cronJob: CronJob) => queue.add(keyOf(cronJob));
  own.handle({ added: enqueue, updated: enqueue });
  const enqueueOwner = (job: Job) => {
    const owner = controllerOf(job);
    if (owner?.kind === "CronJob") queue.add(`${job.metadata.namespace}/${owner.name}`);
  };
  jobInformer.handle({ added: enqueueOwner, updated: enqueueOwner, deleted: enqueueOwner });
  await ended;
}

async function reconcile(working: Working, key: string, signal: AbortSignal): Promise<Again | undefined> {
  const cronJob = working.cronJobs.get(key);
  if (cronJob === undefined) return undefined;
  const own = [...working.jobs.by(controllerIndex, cronJob.metadata.uid ?? "")];
  const told = await settle(working, cronJob, own, signal);
  for (const job of jobsToForget(told, own)) await remove(working, told, job, signal);
  if (told.metadata.deletionTimestamp !== undefined || told.spec.suspend === true) return undefined;
  let schedule: Schedule;
  try {
    schedule = await readSchedule(told.spec.schedule, told.spec.timeZone);
  } catch (error) {
    const message = `unparseable schedule: "${told.spec.schedule}" : ${messageOf(error)}`;
    working.events.record(told, "Warning", "UnparseableSchedule", message);
    return undefined;
  }
  await run(working, told, own, schedule, signal);
  const nowMs = working.deps.timers.now();
  const next = schedule.next(nowMs);
  return next === undefined ? undefined : { afterMs: next - nowMs + 100 };
}

/** Tells of Jobs that are over, and forgets them as active. */
async function settle(
  working: Working,
  cronJob: CronJob,
  own: readonly Job[],
  signal: AbortSignal,
): Promise<CronJob> {
  const { events } = working;
  const before = cronJob.status?.active ?? [];
  let { lastSuccessfulTime } = cronJob.status ?? {};
  for (const job of own) {
    if (!isFinishedJob(job) || !before.some(({ uid }) => uid === job.metadata.uid)) continue;
    const condition = didSucceed(job) ? "Complete" : "Failed";
    events.record(
      cronJob,
      "Normal",
      "SawCompletedJob",
      `Saw completed job: ${job.metadata.name}, condition: ${condition}`,
    );
    const end = job.status?.completionTime;
    if (didSucceed(job) && end !== undefined && end > (lastSuccessfulTime ?? "")) lastSuccessfulTime = end;
  }
  const active = before.filter(
    ({ uid }) => own.some((job) => job.metadata.uid === uid && !isFinishedJob(job)) || isFresh(working, uid),
  );
  return await writeStatus(
    working,
    cronJob,
    {
      ...cronJob.status,
      active,
      ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
    },
    signal,
  );
}

/** Whether a Job was just made, and the cache does not show it yet. */
function isFresh({ deps, jobs: cache, recent }: Working, uid: string | undefined): boolean {
  const made = recent.get(uid ?? "");
  if (made === undefined || deps.timers.now() - made > freshMs) return false;
  for (const { metadata } of cache.list()) if (metadata.uid === uid) return false;
  return true;
}

const freshMs = 10_000;

async function writeStatus(
  { deps }: Working,
  cronJob: CronJob,
  { active = [], ...rest }: NonNullable<CronJob["status"]>,
  signal: AbortSignal,
): Promise<CronJob> {
  const status = { ...(active.length > 0 && { active }), ...rest };
  if (isSameJson(status, cronJob.status ?? {})) return cronJob;
  return await deps.kube.of(cronJobs).updateStatus({ ...cronJob, status }, signal);
}

async function remove(
  { deps, events }: Working,
  cronJob: CronJob,
  job: Job,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name = "" } = job.metadata;
  try {
    await deps.kube.of(jobs).delete({ namespace, name }, { propagationPolicy: "Background" }, signal);
    events.record(cronJob, "Normal", "SuccessfulDelete", `Deleted job ${name}`);
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
}

async function run(
  working: Working,
  cronJob: CronJob,
  own: readonly Job[],
  schedule: Schedule,
  signal: AbortSignal,
): Promise<void> {
  const { deps, events } = working;
  const due = dueOf(cronJob, schedule, deps.timers.now());
  if (due === undefined) return;
  if (due.missed === "many")
    events.record(
      cronJob,
      "Warning",
      "TooManyMissedTimes",
      "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
    );
  const active = own.filter((job) => !isFinishedJob(job));
  const wanted = jobOf(cronJob, due.atMs);
  if (active.some(({ metadata }) => metadata.name === wanted.metadata.name)) return;
  if (cronJob.spec.concurrencyPolicy === "Forbid" && active.length > 0) {
    events.record(
      cronJob,
      "Normal",
      "JobAlreadyActive",
      "Not starting job because prior execution is running and concurrency policy is Forbid",
    );
    return;
  }
  if (cronJob.spec.concurrencyPolicy === "Replace")
    for (const job of active) await remove(working, cronJob, job, signal);
  const replaced = cronJob.spec.concurrencyPolicy === "Replace" ? [] : (cronJob.status?.active ?? []);
  let made: Job;
  try {
    made = await deps.kube.of(jobs).create(wanted, signal);
    events.record(cronJob, "Normal", "SuccessfulCreate", `Created job ${made.metadata.name}`);
  } catch (error) {
    if (isNamespaceTerminating(error) || signal.aborted) return;
    if (!isStatus(error, "AlreadyExists")) {
      events.record(cronJob, "Warning", "FailedCreate", `Error creating job: ${messageOf(error)}`);
      throw error;
    }
    const { namespace, name = "" } = wanted.metadata;
    made = await deps.kube.of(jobs).get({ namespace, name }, signal);
    if (controllerOf(made)?.uid !== cronJob.metadata.uid) throw error;
  }
  const nowMs = deps.timers.now();
  for (const [uid, atMs] of working.recent) if (nowMs - atMs > freshMs) working.recent.delete(uid);
  working.recent.set(made.metadata.uid ?? "", nowMs);
  const { name = "", namespace = "", uid = "", resourceVersion = "" } = made.metadata;
  const reference = { apiVersion: "batch/v1", kind: "Job", name, namespace, uid, resourceVersion };
  const status = {
    ...cronJob.status,
    active: [...replaced, reference],
    lastScheduleTime: timeText(due.atMs),
  };
  await writeStatus(working, cronJob, status, signal);
}
