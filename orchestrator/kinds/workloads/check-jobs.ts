import type { CronJob, Job, JobSpec } from "#api/kube/types/batch.ts";
import { invalid, notSupported, required } from "#orchestrator/machinery/field-error.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import {
  checkImmutable,
  checkNonNegative,
  checkRequiredSupported,
  checkSelector,
  type Findings,
} from "../check.ts";
import { view } from "../edit.ts";
import { checkPodTemplate } from "../pods/check-spec.ts";
import { checkSelected } from "./check.ts";
import { scheduleComplaint } from "./cron-schedule.ts";

type Errors = readonly FieldError[];

const [mostIndexes, mostFailuresOfParallel] = [100_000, 10_000];
const longestCronName = 52;

export function jobErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<Job>(object);
  if (spec.selector === undefined) into.push(required("spec.selector"));
  else checkSelector(into, "spec.selector", spec.selector);
  const isSound = into.length === 0;
  checkJobSpec(into, "spec", spec);
  if (isSound) checkSelected(into, spec.selector, spec.template);
  return into;
}

const counts = [
  "parallelism",
  "completions",
  "activeDeadlineSeconds",
  "backoffLimit",
  "ttlSecondsAfterFinished",
  "backoffLimitPerIndex",
  "maxFailedIndexes",
] as const;

function checkJobSpec(into: Findings, path: string, spec: JobSpec): void {
  for (const name of counts) checkNonNegative(into, `${path}.${name}`, spec[name]);
  if (spec.completionMode !== undefined) checkCompletionMode(into, path, spec);
  checkPerIndex(into, path, spec);
  checkPodTemplate(into, `${path}.template`, spec.template);
  const policy = spec.template?.spec?.restartPolicy;
  const own = `${path}.template.spec.restartPolicy`;
  if (policy === "Always" || policy === undefined)
    into.push(
      policy === undefined
        ? required(own, 'valid values: "OnFailure", "Never"')
        : notSupported(own, policy, ["OnFailure", "Never"]),
    );
  if (spec.podFailurePolicy !== undefined && policy !== "Never")
    into.push(invalid(own, policy ?? "", 'only "Never" is supported when podFailurePolicy is specified'));
  const replacement = spec.podReplacementPolicy;
  if (spec.podFailurePolicy !== undefined && replacement !== undefined && replacement !== "Failed")
    into.push(notSupported(`${path}.podReplacementPolicy`, replacement, ["Failed"]));
  if (spec.managedBy !== undefined && !spec.managedBy.includes("/"))
    into.push(
      invalid(`${path}.managedBy`, spec.managedBy, 'must be a domain-prefixed path (such as "acme.io/foo")'),
    );
}

function checkCompletionMode(into: Findings, path: string, spec: JobSpec): void {
  const mode = spec.completionMode ?? "";
  if (mode !== "NonIndexed" && mode !== "Indexed")
    into.push(notSupported(`${path}.completionMode`, mode, ["Indexed", "NonIndexed"]));
  if (mode !== "Indexed") return;
  const { completions, parallelism = 0 } = spec;
  if (completions === undefined)
    into.push(required(`${path}.completions`, `when completion mode is ${mode}`));
  else if (completions > mostIndexes && parallelism > mostFailuresOfParallel)
    into.push(
      invalid(
        `${path}.parallelism`,
        parallelism,
        `must be less than or equal to ${mostFailuresOfParallel} when completions are over ${mostIndexes}`,
      ),
    );
}

function checkPerIndex(into: Findings, path: string, spec: JobSpec): void {
  const { backoffLimitPerIndex: limit, maxFailedIndexes, completions, completionMode } = spec;
  if (maxFailedIndexes !== undefined && limit === undefined)
    into.push(required(`${path}.backoffLimitPerIndex`, "when maxFailedIndexes is specified"));
  if (limit !== undefined && completionMode !== "Indexed")
    into.push(invalid(`${path}.backoffLimitPerIndex`, limit, "requires indexed completion mode"));
  if (maxFailedIndexes !== undefined && completions !== undefined && maxFailedIndexes > completions)
    into.push(
      invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, "must be less than or equal to completions"),
    );
}

/** What may be changed of a job's template while it is suspended and has not started. */
const schedulingFields = ["affinity", "nodeSelector", "tolerations", "schedulingGates"];

export function jobUpdateErrors(next: Draft, old: Draft): Errors {
  const into: Findings = [];
  const [job, before] = [view<Job>(next), view<Job>(old)];
  checkJobSpec(into, "spec", job.spec);
  const isIndexed = job.spec.completionMode === "Indexed";
  const isElastic = isIndexed && job.spec.completions === job.spec.parallelism;
  if (!isElastic) checkImmutable(into, "spec.completions", job.spec.completions, before.spec.completions);
  checkImmutable(into, "spec.selector", job.spec.selector, before.spec.selector);
  const mayReschedule = before.spec.suspend === true && before.status?.startTime === undefined;
  const templateOf = (spec: JobSpec) => {
    const { template } = spec;
    if (!mayReschedule || template.spec === undefined) return template;
    const kept = Object.entries(template.spec).filter(([name]) => !schedulingFields.includes(name));
    return { spec: Object.fromEntries(kept) };
  };
  checkImmutable(into, "spec.template", templateOf(job.spec), templateOf(before.spec));
  for (const name of [
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "managedBy",
    "successPolicy",
  ] as const)
    checkImmutable(into, `spec.${name}`, job.spec[name], before.spec[name]);
  return into;
}

export function cronJobErrors(object: Draft): Errors {
  const into: Findings = [];
  const { metadata, spec } = view<CronJob>(object);
  if ((metadata.name ?? "").length > longestCronName)
    into.push(invalid("metadata.name", metadata.name, `must be no more than ${longestCronName} characters`));
  checkSchedule(into, spec.schedule ?? "", spec.timeZone);
  checkNonNegative(into, "spec.startingDeadlineSeconds", spec.startingDeadlineSeconds);
  checkRequiredSupported(into, "spec.concurrencyPolicy", spec.concurrencyPolicy, [
    "Allow",
    "Forbid",
    "Replace",
  ]);
  const inner = spec.jobTemplate?.spec;
  const path = "spec.jobTemplate.spec";
  if (inner !== undefined) checkJobSpec(into, path, inner);
  if (inner?.manualSelector === true)
    into.push(notSupported(`${path}.manualSelector`, true, ["nil", "false"]));
  checkNonNegative(into, "spec.successfulJobsHistoryLimit", spec.successfulJobsHistoryLimit);
  checkNonNegative(into, "spec.failedJobsHistoryLimit", spec.failedJobsHistoryLimit);
  return into;
}

function checkSchedule(into: Findings, schedule: string, timeZone: string | undefined): void {
  if (schedule === "") into.push(required("spec.schedule"));
  else {
    const complaint = scheduleComplaint(schedule);
    if (complaint !== undefined) into.push(invalid("spec.schedule", schedule, complaint));
    if (/TZ/.test(schedule))
      into.push(
        invalid(
          "spec.schedule",
          schedule,
          "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        ),
      );
  }
  if (timeZone === undefined) return;
  if (timeZone === "")
    into.push(invalid("spec.timeZone", timeZone, "timeZone must be nil or non-empty string"));
  else if (timeZone.toLowerCase() === "local")
    into.push(
      invalid(
        "spec.timeZone",
        timeZone,
        "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
      ),
    );
  else if (!isTimeZone(timeZone))
    into.push(invalid("spec.timeZone", timeZone, `unknown time zone ${timeZone}`));
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

export function cronJobUpdateErrors(next: Draft, old: Draft): Errors {
  // A name that was taken when names could be longer stays.
  const errors = cronJobErrors(next).filter(({ field }) => field !== "metadata.name");
  const [before, after] = [view<CronJob>(old).spec.timeZone, view<CronJob>(next).spec.timeZone];
  return isSameJson(before ?? null, after ?? null)
    ? errors.filter(({ field }) => field !== "spec.timeZone")
    : errors;
}
