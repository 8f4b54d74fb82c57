import type { Job, JobCondition } from "#api/kube/types/batch.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { timeOf } from "#orchestrator/machinery/time-text.ts";
import type { Counted } from "./count-pods.ts";
import { parseIndexes } from "./indexes.ts";

/** How a Job ends, and why: the condition that it has until the last pod has gone. */
export interface Ending {
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
export function endingOf(
  job: Job,
  counted: Counted,
  start: string | undefined,
  nowMs: number,
): Ending | undefined {
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
