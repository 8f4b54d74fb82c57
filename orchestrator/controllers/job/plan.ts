import type { Job, JobCondition } from "#api/kube/types/batch.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { timeOf, timeText } from "#orchestrator/machinery/time-text.ts";
import { isReady } from "../pods/pod-facts.ts";
import { type Counted, countPods, indexOf, isIndexed } from "./count-pods.ts";
import { type Ending, endingOf } from "./ending.ts";
import { formatIndexes } from "./indexes.ts";

export interface NewPod {
  /** Of an indexed Job. */
  readonly index?: number;
  /** How often this index has failed, where that is counted. */
  readonly failures?: number;
}

export interface JobPlan {
  readonly status: JobStatus;
  readonly create: readonly NewPod[];
  readonly remove: readonly Pod[];
  /** Counted in the status: once that is written they may go. */
  readonly free: readonly Pod[];
  /** When to look again although nothing happens. */
  readonly afterMs?: number;
  /** What has become of the Job just now. */
  readonly event?: { readonly type: "Normal" | "Warning"; readonly reason: string; readonly message: string };
}

type JobStatus = NonNullable<Job["status"]>;

const mostAtOnce = 500;

export function isFinishedJob({ status }: Job): boolean {
  return (
    status?.conditions?.some(
      ({ type, status: is }) => (type === "Complete" || type === "Failed") && is === "True",
    ) === true
  );
}

/** What is to be done for a Job, and what its status says then. */
export function planJob(job: Job, pods: readonly Pod[], nowMs: number): JobPlan {
  const counted = countPods(job, pods);
  const isSuspended = job.spec.suspend === true;
  const start = startOf(job, isSuspended, nowMs);
  const status = statusOf(job, counted, start);
  const ending = endingOf(job, counted, start, nowMs);
  if (ending !== undefined) return planEnd(job, counted, status, ending, nowMs);
  return isSuspended
    ? planSuspension(job, counted, status, nowMs)
    : planWork(job, counted, status, pods, nowMs);
}

/** What still runs goes; when it has gone the Job is over. */
function planEnd(
  job: Job,
  counted: Counted,
  status: JobStatus,
  { interim, reason, message }: Ending,
  nowMs: number,
): JobPlan {
  const before = job.status?.conditions ?? [];
  const conditions = withCondition(before, { type: interim, status: "True", reason, message }, nowMs);
  const isOver = counted.active.length + counted.terminating.length + counted.free.length === 0;
  if (!isOver)
    return { status: { ...status, conditions }, create: [], remove: counted.active, free: counted.free };
  const type = interim === "FailureTarget" ? "Failed" : "Complete";
  const last = withCondition(conditions, { type, status: "True", reason, message }, nowMs);
  return {
    status: { ...status, ...(type === "Complete" && { completionTime: timeText(nowMs) }), conditions: last },
    create: [],
    remove: [],
    free: [],
    event:
      type === "Complete"
        ? { type: "Normal", reason: "Completed", message: "Job completed" }
        : { type: "Warning", reason, message },
  };
}

function planSuspension(job: Job, counted: Counted, status: JobStatus, nowMs: number): JobPlan {
  const suspended = { type: "Suspended", status: "True", reason: "JobSuspended", message: "Job suspended" };
  return {
    status: { ...status, conditions: withCondition(job.status?.conditions ?? [], suspended, nowMs) },
    create: [],
    remove: counted.active,
    free: counted.free,
    ...(!wasSuspended(job) && {
      event: { type: "Normal", reason: "Suspended", message: "Job suspended" },
    }),
  };
}

function planWork(
  job: Job,
  counted: Counted,
  status: JobStatus,
  pods: readonly Pod[],
  nowMs: number,
): JobPlan {
  const isResumed = wasSuspended(job);
  const before = job.status?.conditions ?? [];
  const resumed = { type: "Suspended", status: "False", reason: "JobResumed", message: "Job resumed" };
  const conditions = isResumed ? withCondition(before, resumed, nowMs) : before;
  const { create, remove, afterMs } = planPods(job, counted, pods, nowMs);
  const { activeDeadlineSeconds } = job.spec;
  const deadlineMs =
    activeDeadlineSeconds === undefined
      ? undefined
      : timeOf(status.startTime) + activeDeadlineSeconds * 1000 - nowMs;
  const waits = [afterMs, deadlineMs].filter((ms) => ms !== undefined);
  return {
    status: { ...status, ...(conditions.length > 0 && { conditions }) },
    create,
    remove,
    free: counted.free,
    ...(waits.length > 0 && { afterMs: Math.max(1, Math.min(...waits)) }),
    ...(isResumed && { event: { type: "Normal", reason: "Resumed", message: "Job resumed" } }),
  };
}

function wasSuspended({ status }: Job): boolean {
  return (status?.conditions ?? []).some((one) => one.type === "Suspended" && one.status === "True");
}

function startOf(job: Job, isSuspended: boolean, nowMs: number): string | undefined {
  if (isSuspended) return undefined;
  return job.status?.startTime ?? timeText(nowMs);
}

function statusOf(job: Job, counted: Counted, start: string | undefined): JobStatus {
  const { active, terminating, uncounted, completedIndexes, failedIndexes } = counted;
  const succeeded = isIndexed(job) ? completedIndexes.size : counted.counted.succeeded;
  const numbers = { active: active.length, succeeded, failed: counted.counted.failed };
  return {
    ...Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== 0)),
    ready: active.filter(isReady).length,
    terminating: terminating.length,
    ...(start === undefined ? {} : { startTime: start }),
    ...(isIndexed(job) && completedIndexes.size > 0 && { completedIndexes: formatIndexes(completedIndexes) }),
    ...(job.spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexes(failedIndexes) }),
    uncountedTerminatedPods: {
      ...(uncounted.succeeded.length > 0 && { succeeded: uncounted.succeeded }),
      ...(uncounted.failed.length > 0 && { failed: uncounted.failed }),
    },
  };
}

function planPods(
  job: Job,
  counted: Counted,
  pods: readonly Pod[],
  nowMs: number,
): Pick<JobPlan, "create" | "remove" | "afterMs"> {
  const { spec } = job;
  const { active, terminating, succeeded } = counted;
  const parallelism = spec.parallelism ?? 1;
  const stillThere = spec.podReplacementPolicy === "Failed" ? terminating.length : 0;
  const left =
    spec.completions === undefined
      ? succeeded > 0
        ? active.length
        : parallelism
      : spec.completions - succeeded - counted.failedIndexes.size;
  const wanted = Math.max(0, Math.min(parallelism, left));
  if (active.length > wanted)
    return { create: [], remove: unwanted(active).slice(0, active.length - wanted) };
  const missing = Math.min(wanted - active.length - stillThere, mostAtOnce);
  if (missing <= 0) return { create: [], remove: [] };
  const waitMs = backOffMs(pods, nowMs);
  if (waitMs > 0) return { create: [], remove: [], afterMs: waitMs };
  if (!isIndexed(job)) return { create: Array.from({ length: missing }, () => ({})), remove: [] };
  return { create: freeIndexes(job, counted, missing), remove: [] };
}

function unwanted(active: readonly Pod[]): readonly Pod[] {
  return active.toSorted(
    (a, b) =>
      Number(isReady(a)) - Number(isReady(b)) ||
      timeOf(b.metadata.creationTimestamp) - timeOf(a.metadata.creationTimestamp),
  );
}

function freeIndexes(job: Job, counted: Counted, count: number): readonly NewPod[] {
  const taken = new Set([...counted.completedIndexes, ...counted.failedIndexes]);
  for (const pod of [
    ...counted.active,
    ...(job.spec.podReplacementPolicy === "Failed" ? counted.terminating : []),
  ]) {
    const index = indexOf(pod);
    if (index !== undefined) taken.add(index);
  }
  const found: NewPod[] = [];
  for (let index = 0; index < (job.spec.completions ?? 0) && found.length < count; index++) {
    if (taken.has(index)) continue;
    const isCounted = job.spec.backoffLimitPerIndex !== undefined;
    found.push({ index, ...(isCounted && { failures: counted.failuresOf.get(index) ?? 0 }) });
  }
  return found;
}

/** Ten seconds after the last failure, and twice as long for each further one since the last success. */
function backOffMs(pods: readonly Pod[], nowMs: number): number {
  const endOf = (pod: Pod) =>
    Math.max(
      0,
      ...(pod.status?.containerStatuses ?? []).map(({ state }) => timeOf(state?.terminated?.finishedAt)),
    ) ||
    timeOf(
      pod.status?.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime ??
        pod.metadata.creationTimestamp,
    );
  const lastSuccess = Math.max(0, ...pods.filter(({ status }) => status?.phase === "Succeeded").map(endOf));
  const failures = pods
    .filter(({ status }) => status?.phase === "Failed")
    .map(endOf)
    .filter((ms) => ms > lastSuccess);
  if (failures.length === 0) return 0;
  const delayMs = Math.min(10_000 * 2 ** (failures.length - 1), 600_000);
  return Math.max(0, Math.max(...failures) + delayMs - nowMs);
}

function withCondition(
  conditions: readonly JobCondition[],
  condition: {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  },
  nowMs: number,
): readonly JobCondition[] {
  const before = conditions.find(({ type }) => type === condition.type);
  if (before?.status === condition.status) return conditions;
  const now = timeText(nowMs);
  return [
    ...conditions.filter((one) => one !== before),
    { ...condition, lastProbeTime: now, lastTransitionTime: now },
  ];
}
