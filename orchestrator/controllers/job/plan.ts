import type { Job, JobCondition } from "#api/kube/types/batch.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { timeOf, timeText } from "#orchestrator/machinery/time-text.ts";
import { isReady } from "../pods/pod-facts.ts";
import { type FailureVerdict, verdictOn } from "./failure-policy.ts";
import { formatIndexes, parseIndexes } from "./indexes.ts";

export const trackingFinalizer = "batch.kubernetes.io/job-tracking";
export const indexAnnotation = "batch.kubernetes.io/job-completion-index";
export const indexFailures = "batch.kubernetes.io/job-index-failure-count";

export interface NewPod {
  /** Of an indexed Job. */
  readonly index?: number;
  /** How often this index has failed, where that is counted. */
  readonly failures?: number;
}

export interface JobPlan {
  readonly status: NonNullable<Job["status"]>;
  readonly create: readonly NewPod[];
  readonly remove: readonly Pod[];
  /** Counted in the status: once that is written they may go. */
  readonly free: readonly Pod[];
  /** When to look again although nothing happens. */
  readonly afterMs?: number;
  /** What has become of the Job just now. */
  readonly event?: { readonly type: "Normal" | "Warning"; readonly reason: string; readonly message: string };
}

interface Counted {
  readonly active: readonly Pod[];
  readonly terminating: readonly Pod[];
  readonly free: readonly Pod[];
  readonly uncounted: { readonly succeeded: readonly string[]; readonly failed: readonly string[] };
  readonly counted: { readonly succeeded: number; readonly failed: number };
  readonly succeeded: number;
  readonly failed: number;
  readonly completedIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  readonly failJob: string | undefined;
  readonly failuresOf: ReadonlyMap<number, number>;
}

const mostAtOnce = 500;

export function isFinishedJob({ status }: Job): boolean {
  return (
    status?.conditions?.some(
      ({ type, status: is }) => (type === "Complete" || type === "Failed") && is === "True",
    ) === true
  );
}

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === "Indexed";
}

export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[indexAnnotation];
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** What is to be done for a Job, and what its status says then. */
export function planJob(job: Job, pods: readonly Pod[], nowMs: number): JobPlan {
  const counted = count(job, pods);
  const { spec } = job;
  const before = job.status ?? {};
  const isSuspended = spec.suspend === true;
  const start = startOf(job, isSuspended, nowMs);
  let conditions = before.conditions ?? [];
  const ending = endingOf(job, counted, start, nowMs) ?? interimOf(conditions);
  let event: JobPlan["event"];
  const base = statusOf(job, counted, start);
  if (ending !== undefined) {
    conditions = withCondition(
      conditions,
      { type: ending.interim, status: "True", reason: ending.reason, message: ending.message },
      nowMs,
    );
    const isOver = counted.active.length + counted.terminating.length + counted.free.length === 0;
    if (isOver) {
      const final = ending.interim === "FailureTarget" ? "Failed" : "Complete";
      conditions = withCondition(
        conditions,
        { type: final, status: "True", reason: ending.reason, message: ending.message },
        nowMs,
      );
      event =
        final === "Complete"
          ? { type: "Normal", reason: "Completed", message: "Job completed" }
          : { type: "Warning", reason: ending.reason, message: ending.message };
      const completionTime = final === "Complete" ? { completionTime: timeText(nowMs) } : {};
      return { status: { ...base, ...completionTime, conditions }, create: [], remove: [], free: [], event };
    }
    return { status: { ...base, conditions }, create: [], remove: counted.active, free: counted.free };
  }
  const wasSuspended = conditions.some(({ type, status }) => type === "Suspended" && status === "True");
  if (isSuspended) {
    if (!wasSuspended) event = { type: "Normal", reason: "Suspended", message: "Job suspended" };
    conditions = withCondition(
      conditions,
      { type: "Suspended", status: "True", reason: "JobSuspended", message: "Job suspended" },
      nowMs,
    );
    return {
      status: { ...base, conditions },
      create: [],
      remove: counted.active,
      free: counted.free,
      ...(event && { event }),
    };
  }
  if (wasSuspended) {
    event = { type: "Normal", reason: "Resumed", message: "Job resumed" };
    conditions = withCondition(
      conditions,
      { type: "Suspended", status: "False", reason: "JobResumed", message: "Job resumed" },
      nowMs,
    );
  }
  const change = planPods(job, counted, pods, nowMs);
  const deadlineMs =
    spec.activeDeadlineSeconds === undefined
      ? undefined
      : timeOf(start) + spec.activeDeadlineSeconds * 1000 - nowMs;
  const waits = [change.afterMs, deadlineMs].filter((ms) => ms !== undefined);
  return {
    status: { ...base, ...(conditions.length > 0 && { conditions }) },
    create: change.create,
    remove: change.remove,
    free: counted.free,
    ...(waits.length > 0 && { afterMs: Math.max(1, Math.min(...waits)) }),
    ...(event && { event }),
  };
}

function startOf(job: Job, isSuspended: boolean, nowMs: number): string | undefined {
  if (isSuspended) return undefined;
  return job.status?.startTime ?? timeText(nowMs);
}

function count(job: Job, pods: readonly Pod[]): Counted {
  const { status = {}, spec } = job;
  const most = spec.completions ?? 0;
  const completed = parseIndexes(status.completedIndexes, most);
  const failedIndexes = parseIndexes(status.failedIndexes, most);
  const known = {
    succeeded: new Set(status.uncountedTerminatedPods?.succeeded),
    failed: new Set(status.uncountedTerminatedPods?.failed),
  };
  const counted = { succeeded: isIndexed(job) ? 0 : (status.succeeded ?? 0), failed: status.failed ?? 0 };
  const uncounted = { succeeded: [] as string[], failed: [] as string[] };
  const held = new Map<string, Pod>();
  for (const pod of pods)
    if (pod.metadata.finalizers?.includes(trackingFinalizer)) held.set(pod.metadata.uid ?? "", pod);
  for (const kind of ["succeeded", "failed"] as const)
    for (const uid of known[kind])
      if (held.has(uid)) uncounted[kind].push(uid);
      else counted[kind]++;
  const [active, terminating, free]: [Pod[], Pod[], Pod[]] = [[], [], []];
  const failuresOf = new Map<number, number>();
  let failJob: string | undefined;
  for (const pod of pods) {
    const { uid = "", deletionTimestamp } = pod.metadata;
    const index = indexOf(pod);
    const phase = pod.status?.phase;
    const isDone = phase === "Succeeded" || phase === "Failed";
    if (!isDone && deletionTimestamp === undefined) {
      active.push(pod);
      continue;
    }
    if (!isDone) terminating.push(pod);
    if (!isDone && spec.podReplacementPolicy === "Failed") continue;
    const verdict = phase === "Succeeded" ? undefined : verdictOn(job, pod);
    if (verdict?.is === "fail-job") failJob ??= verdict.message;
    noteIndex(job, index, pod, verdict, failuresOf, failedIndexes);
    if (!held.has(uid)) continue;
    free.push(pod);
    if (verdict?.is === "ignore" || known.succeeded.has(uid) || known.failed.has(uid)) continue;
    if (phase !== "Succeeded") uncounted.failed.push(uid);
    else if (!isIndexed(job)) uncounted.succeeded.push(uid);
    if (phase === "Succeeded" && index !== undefined && index < most) completed.add(index);
  }
  return {
    active,
    terminating,
    free,
    uncounted,
    counted,
    succeeded: isIndexed(job) ? completed.size : counted.succeeded + uncounted.succeeded.length,
    failed: counted.failed + uncounted.failed.length,
    completedIndexes: completed,
    failedIndexes,
    failJob,
    failuresOf,
  };
}

function noteIndex(
  { spec }: Job,
  index: number | undefined,
  pod: Pod,
  verdict: FailureVerdict | undefined,
  failuresOf: Map<number, number>,
  failedIndexes: Set<number>,
): void {
  if (index === undefined || verdict === undefined || spec.backoffLimitPerIndex === undefined) return;
  const before = Number(pod.metadata.annotations?.[indexFailures] ?? 0);
  const failures = before + (verdict.is === "ignore" ? 0 : 1);
  failuresOf.set(index, Math.max(failuresOf.get(index) ?? 0, failures));
  if (verdict.is === "fail-index" || failures > spec.backoffLimitPerIndex) failedIndexes.add(index);
}

interface Ending {
  readonly interim: "FailureTarget" | "SuccessCriteriaMet";
  readonly reason: string;
  readonly message: string;
}

function interimOf(conditions: readonly JobCondition[]): Ending | undefined {
  for (const { type, status, reason = "", message = "" } of conditions)
    if ((type === "FailureTarget" || type === "SuccessCriteriaMet") && status === "True")
      return { interim: type, reason, message };
  return undefined;
}

/** Whether the Job has come to its end, by what has happened so far. */
function endingOf(job: Job, counted: Counted, start: string | undefined, nowMs: number): Ending | undefined {
  const { spec, status } = job;
  const known = interimOf(status?.conditions ?? []);
  if (known !== undefined) return known;
  const failed = (reason: string, message: string): Ending => ({ interim: "FailureTarget", reason, message });
  if (counted.failJob !== undefined) return failed("PodFailurePolicy", counted.failJob);
  const limit = spec.backoffLimit ?? (spec.backoffLimitPerIndex === undefined ? 6 : 0x7fff_ffff);
  if (counted.failed > limit || restartsOf(job, counted.active) > limit)
    return failed("BackoffLimitExceeded", "Job has reached the specified backoff limit");
  if (
    start !== undefined &&
    spec.activeDeadlineSeconds !== undefined &&
    nowMs - timeOf(start) >= spec.activeDeadlineSeconds * 1000
  )
    return failed("DeadlineExceeded", "Job was active longer than specified deadline");
  if (spec.maxFailedIndexes !== undefined && counted.failedIndexes.size > spec.maxFailedIndexes)
    return failed(
      "MaxFailedIndexesExceeded",
      "Job has exceeded the specified maximal number of failed indexes",
    );
  const met = successRule(job, counted);
  if (met !== undefined)
    return {
      interim: "SuccessCriteriaMet",
      reason: "SuccessPolicy",
      message: `Matched rules at index ${met}`,
    };
  const { completions } = spec;
  if (
    completions !== undefined &&
    counted.succeeded + counted.failedIndexes.size >= completions &&
    counted.failedIndexes.size > 0
  )
    return failed("FailedIndexes", "Job has failed indexes");
  const isComplete =
    completions === undefined
      ? counted.succeeded > 0 && counted.active.length === 0
      : counted.succeeded >= completions;
  if (isComplete && (completions !== undefined || counted.terminating.length === 0))
    return {
      interim: "SuccessCriteriaMet",
      reason: "CompletionsReached",
      message: "Reached expected number of succeeded pods",
    };
  return undefined;
}

/** Pods that restart on failure count their restarts instead. */
function restartsOf({ spec }: Job, active: readonly Pod[]): number {
  if (spec.template.spec?.restartPolicy !== "OnFailure") return -1;
  const all = active.flatMap(({ status }) => [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
  ]);
  return all.reduce((sum, { restartCount }) => sum + restartCount, 0);
}

function successRule({ spec }: Job, { completedIndexes }: Counted): number | undefined {
  for (const [at, { succeededIndexes, succeededCount }] of (spec.successPolicy?.rules ?? []).entries()) {
    const wanted =
      succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes, spec.completions ?? 0);
    const done =
      wanted === undefined
        ? completedIndexes.size
        : [...wanted].filter((index) => completedIndexes.has(index)).length;
    if (done >= (succeededCount ?? wanted?.size ?? Number.POSITIVE_INFINITY)) return at;
  }
  return undefined;
}

function statusOf(job: Job, counted: Counted, start: string | undefined): NonNullable<Job["status"]> {
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
