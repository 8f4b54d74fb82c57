import type { Job } from "#api/kube/types/batch.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { type FailureVerdict, verdictOn } from "./failure-policy.ts";
import { parseIndexes } from "./indexes.ts";

export const trackingFinalizer = "batch.kubernetes.io/job-tracking";
export const indexAnnotation = "batch.kubernetes.io/job-completion-index";
export const indexFailures = "batch.kubernetes.io/job-index-failure-count";

/** What has become of a Job's pods. */
export interface Counted {
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

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === "Indexed";
}

export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[indexAnnotation];
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Counts every pod once: what has ended keeps its finalizer until the status has it. */
export function countPods(job: Job, pods: readonly Pod[]): Counted {
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
