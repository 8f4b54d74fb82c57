import type { CronJob, Job } from "#api/kube/types/batch.ts";
import { cronJobs } from "#client/kube/resources.ts";
import { timeOf, timeText } from "#orchestrator/machinery/time-text.ts";
import { controllerReference } from "../owner.ts";
import { isFinishedJob } from "../job/plan.ts";

/** When a schedule is due. */
export interface Schedule {
  /** The first time after `afterMs`; undefined when there is none any more. */
  next(afterMs: number): number | undefined;
}

const mostMissed = 100;

export interface Due {
  /** The last time that was due and has not been served. */
  readonly atMs: number;
  readonly missed: "none" | "few" | "many";
}

/** What is due of a schedule; undefined when nothing is. */
export function dueOf(
  { metadata, spec, status }: CronJob,
  schedule: Schedule,
  nowMs: number,
): Due | undefined {
  const since = timeOf(status?.lastScheduleTime ?? metadata.creationTimestamp);
  const { startingDeadlineSeconds: deadlineS } = spec;
  const from = deadlineS === undefined ? since : Math.max(since, nowMs - deadlineS * 1000);
  let last: number | undefined;
  let count = 0;
  for (let at = schedule.next(from); at !== undefined && at <= nowMs; at = schedule.next(at)) {
    last = at;
    if (++count > mostMissed) break;
  }
  if (last === undefined) return undefined;
  if (count > mostMissed) {
    // far behind: look back from now, further each time until something is found, instead of through all that was missed
    let found: number | undefined;
    for (let backMs = 60_000; found === undefined && nowMs - backMs > from; backMs *= 2)
      for (let at = schedule.next(nowMs - backMs); at !== undefined && at <= nowMs; at = schedule.next(at))
        found = at;
    last = found ?? last;
    return { atMs: last, missed: "many" };
  }
  return { atMs: last, missed: count > 1 ? "few" : "none" };
}

/** The Job of a time: of the same name however often it is made. */
export function jobOf(cronJob: CronJob, atMs: number): Job {
  const { name = "", namespace } = cronJob.metadata;
  const { metadata = {}, spec } = cronJob.spec.jobTemplate;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: `${name.slice(0, 52)}-${Math.floor(atMs / 60_000)}`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(metadata.labels && { labels: metadata.labels }),
      annotations: {
        ...metadata.annotations,
        "batch.kubernetes.io/cronjob-scheduled-timestamp": timeText(atMs),
      },
      ownerReferences: [controllerReference(cronJobs, cronJob)],
    },
    spec: spec ?? { template: {} },
  };
}

export function didSucceed({ status }: Job): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === "Complete" && is === "True") === true;
}

/** Jobs that are over, beyond what the history may keep, the oldest first. */
export function jobsToForget({ spec }: CronJob, jobs: readonly Job[]): readonly Job[] {
  const over = jobs
    .filter(isFinishedJob)
    .toSorted((a, b) => timeOf(a.status?.startTime) - timeOf(b.status?.startTime));
  const good = over.filter(didSucceed);
  const bad = over.filter((job) => !didSucceed(job));
  const surplus = (all: readonly Job[], limit: number) => all.slice(0, Math.max(0, all.length - limit));
  return [
    ...surplus(good, spec.successfulJobsHistoryLimit ?? 3),
    ...surplus(bad, spec.failedJobsHistoryLimit ?? 1),
  ];
}
