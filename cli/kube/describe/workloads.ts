import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from "#api/kube/types/apps.ts";
import type { CronJob, Job } from "#api/kube/types/batch.ts";
import type { LabelSelector, ObjectMeta } from "#api/kube/meta.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { PersistentVolumeClaim, ReplicationController } from "#api/kube/types/core.ts";
import { humanDuration } from "#orchestrator/machinery/human-duration.ts";
import { formatLabelSelector, requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import { labelsText } from "../print/table.ts";
import { boolText, type Description, timeText } from "./description.ts";
import { controllerText, isControlledBy } from "../controller.ts";
import { addPodTemplate } from "./pod-template.ts";

/** What belongs to a workload. */
export interface Related {
  readonly pods: readonly Pod[];
  readonly replicaSets: readonly ReplicaSet[];
}

function selectorText(selector: LabelSelector | undefined): string {
  return formatLabelSelector(requirementsOf(selector) ?? []);
}

function describeController(to: Description, metadata: ObjectMeta): void {
  const controller = controllerText(metadata);
  if (controller !== undefined) to.line(0, "Controlled By:", controller);
}

function podsText({ pods }: Related, { uid }: ObjectMeta): string {
  const own = pods.filter(({ metadata }) => isControlledBy(metadata, uid));
  const count = (phase: string) => own.filter(({ status }) => status?.phase === phase).length;
  return `${count("Running")} Running / ${count("Pending")} Waiting / ${count("Succeeded")} Succeeded / ${count("Failed")} Failed`;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}

function describeConditions(to: Description, conditions: readonly Condition[]): void {
  if (conditions.length === 0) return;
  to.line(0, "Conditions:");
  to.line(1, "Type", "Status", "Reason");
  to.line(1, "----", "------", "------");
  for (const { type, status, reason } of conditions) to.line(1, `${type} `, status, reason);
}

export function describeDeployment(
  to: Description,
  { metadata, spec, status = {} }: Deployment,
  related: Related,
): void {
  to.name(metadata);
  to.line(0, "CreationTimestamp:", timeText(metadata.creationTimestamp));
  to.meta(metadata);
  to.line(0, "Selector:", selectorText(spec?.selector));
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0, unavailableReplicas = 0 } = status;
  to.line(
    0,
    "Replicas:",
    `${spec?.replicas ?? 1} desired | ${updatedReplicas} updated | ${replicas} total | ${availableReplicas} available | ${unavailableReplicas} unavailable`,
  );
  to.line(0, "StrategyType:", spec?.strategy?.type);
  to.line(0, "MinReadySeconds:", spec?.minReadySeconds ?? 0);
  const rolling = spec?.strategy?.rollingUpdate;
  if (rolling !== undefined)
    to.line(
      0,
      "RollingUpdateStrategy:",
      `${rolling.maxUnavailable} max unavailable, ${rolling.maxSurge} max surge`,
    );
  addPodTemplate(to, spec?.template ?? {});
  describeConditions(to, status.conditions ?? []);
  describeReplicaSets(to, metadata, related.replicaSets);
}

const revisionOf = ({ metadata }: { readonly metadata: ObjectMeta }) =>
  Number(metadata.annotations?.["deployment.kubernetes.io/revision"] ?? 0);

function describeReplicaSets(to: Description, metadata: ObjectMeta, all: readonly ReplicaSet[]): void {
  const own = all.filter((one) => one.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid));
  if (own.length === 0) return;
  const newest = own.find((one) => revisionOf(one) === revisionOf({ metadata }));
  const text = (sets: readonly ReplicaSet[]) =>
    sets
      .map(
        (one) =>
          `${one.metadata.name} (${one.status?.replicas ?? 0}/${one.spec?.replicas ?? 0} replicas created)`,
      )
      .join(", ") || "<none>";
  to.line(0, "OldReplicaSets:", text(own.filter((one) => one !== newest)));
  to.line(0, "NewReplicaSet:", text(newest === undefined ? [] : [newest]));
}

export function describeReplicaSet(
  to: Description,
  { metadata, spec, status }: ReplicaSet,
  related: Related,
): void {
  to.name(metadata);
  to.line(0, "Selector:", selectorText(spec?.selector));
  to.meta(metadata);
  describeController(to, metadata);
  to.line(0, "Replicas:", `${status?.replicas ?? 0} current / ${spec?.replicas ?? 1} desired`);
  to.line(0, "Pods Status:", podsText(related, metadata));
  addPodTemplate(to, spec?.template ?? {});
  describeConditions(to, status?.conditions ?? []);
}

export function describeReplicationController(
  to: Description,
  { metadata, spec, status }: ReplicationController,
  related: Related,
): void {
  to.name(metadata);
  to.line(0, "Selector:", labelsText(spec?.selector));
  to.meta(metadata);
  to.line(0, "Replicas:", `${status?.replicas ?? 0} current / ${spec?.replicas ?? 1} desired`);
  to.line(0, "Pods Status:", podsText(related, metadata));
  addPodTemplate(to, spec?.template ?? {});
  describeConditions(to, status?.conditions ?? []);
}

export function describeDaemonSet(
  to: Description,
  { metadata, spec, status }: DaemonSet,
  related: Related,
): void {
  to.name(metadata);
  to.line(0, "Selector:", selectorText(spec?.selector));
  to.line(0, "Node-Selector:", labelsText(spec?.template?.spec?.nodeSelector));
  to.meta(metadata);
  to.line(0, `Desired Number of Nodes Scheduled: ${status?.desiredNumberScheduled ?? 0}`);
  to.line(0, `Current Number of Nodes Scheduled: ${status?.currentNumberScheduled ?? 0}`);
  to.line(0, `Number of Nodes Scheduled with Up-to-date Pods: ${status?.updatedNumberScheduled ?? 0}`);
  to.line(0, `Number of Nodes Scheduled with Available Pods: ${status?.numberAvailable ?? 0}`);
  to.line(0, `Number of Nodes Misscheduled: ${status?.numberMisscheduled ?? 0}`);
  to.line(0, "Pods Status:", podsText(related, metadata));
  addPodTemplate(to, spec?.template ?? {});
}

export function describeStatefulSet(
  to: Description,
  { metadata, spec, status }: StatefulSet,
  related: Related,
): void {
  to.name(metadata);
  to.line(0, "CreationTimestamp:", timeText(metadata.creationTimestamp));
  to.line(0, "Selector:", selectorText(spec?.selector));
  to.meta(metadata);
  to.line(0, "Replicas:", `${spec?.replicas ?? 1} desired | ${status?.replicas ?? 0} total`);
  to.line(0, "Update Strategy:", spec?.updateStrategy?.type);
  const rolling = spec?.updateStrategy?.rollingUpdate;
  if (rolling?.partition !== undefined) {
    to.line(1, "Partition:", rolling.partition);
    if (rolling.maxUnavailable !== undefined) to.line(1, "MaxUnavailable:", rolling.maxUnavailable);
  }
  to.line(0, "Pods Status:", podsText(related, metadata));
  addPodTemplate(to, spec?.template ?? {});
  describeClaimTemplates(to, spec?.volumeClaimTemplates ?? []);
}

function describeClaimTemplates(to: Description, templates: readonly PersistentVolumeClaim[]): void {
  if (templates.length === 0) return to.line(0, "Volume Claims:", "<none>");
  to.line(0, "Volume Claims:");
  for (const { metadata, spec } of templates) {
    to.line(1, "Name:", metadata.name);
    to.line(1, "StorageClass:", spec?.storageClassName ?? "");
    to.labels("  Labels", metadata.labels);
    to.labels("  Annotations", metadata.annotations);
    to.line(1, "Capacity:", spec?.resources?.requests?.["storage"] ?? "<default>");
    to.line(1, "Access Modes:", `[${(spec?.accessModes ?? []).join(" ")}]`);
  }
}

export function describeJob(to: Description, { metadata, spec, status = {} }: Job): void {
  to.name(metadata);
  to.line(0, "Selector:", selectorText(spec?.selector));
  to.meta(metadata);
  describeController(to, metadata);
  if (spec?.parallelism !== undefined) to.line(0, "Parallelism:", spec.parallelism);
  to.line(0, "Completions:", spec?.completions ?? "<unset>");
  if (spec?.completionMode !== undefined) to.line(0, "Completion Mode:", spec.completionMode);
  if (spec?.suspend !== undefined) to.line(0, "Suspend:", spec.suspend);
  if (spec?.backoffLimit !== undefined) to.line(0, "Backoff Limit:", spec.backoffLimit);
  if (spec?.ttlSecondsAfterFinished !== undefined)
    to.line(0, "TTL Seconds After Finished:", spec.ttlSecondsAfterFinished);
  const { startTime, completionTime, active = 0, ready, succeeded = 0, failed = 0 } = status;
  if (typeof startTime === "string") to.line(0, "Start Time:", timeText(startTime));
  if (typeof completionTime === "string") to.line(0, "Completed At:", timeText(completionTime));
  if (typeof startTime === "string" && typeof completionTime === "string")
    to.line(0, "Duration:", humanDuration(Date.parse(completionTime) - Date.parse(startTime)));
  if (spec?.activeDeadlineSeconds !== undefined)
    to.line(0, "Active Deadline Seconds:", `${spec.activeDeadlineSeconds}s`);
  const readyText = ready === undefined ? "" : ` (${ready} Ready)`;
  to.line(0, "Pods Statuses:", `${active} Active${readyText} / ${succeeded} Succeeded / ${failed} Failed`);
  if (spec?.completionMode === "Indexed")
    to.line(0, "Completed Indexes:", indexesText(status.completedIndexes ?? ""));
  addPodTemplate(to, spec?.template ?? {});
}

const longestIndexes = 50;

function indexesText(indexes: string): string {
  if (indexes === "") return "<none>";
  const comma = indexes.indexOf(",", longestIndexes);
  return indexes.length <= longestIndexes || comma < 0 ? indexes : `${indexes.slice(0, comma + 1)}...`;
}

export function describeCronJob(to: Description, { metadata, spec, status }: CronJob): void {
  to.name(metadata);
  to.meta(metadata);
  const unset = "<unset>";
  to.line(0, "Schedule:", spec?.schedule);
  to.line(0, "Concurrency Policy:", spec?.concurrencyPolicy);
  to.line(0, "Suspend:", boolText(spec?.suspend));
  if (spec?.timeZone !== undefined) to.line(0, "Time Zone:", spec.timeZone);
  to.line(0, "Successful Job History Limit:", spec?.successfulJobsHistoryLimit ?? unset);
  to.line(0, "Failed Job History Limit:", spec?.failedJobsHistoryLimit ?? unset);
  const deadline = spec?.startingDeadlineSeconds;
  to.line(0, "Starting Deadline Seconds:", deadline === undefined ? unset : `${deadline}s`);
  const job = spec?.jobTemplate?.spec;
  to.line(0, "Selector:", job?.selector === undefined ? unset : selectorText(job.selector));
  to.line(0, "Parallelism:", job?.parallelism ?? unset);
  to.line(0, "Completions:", job?.completions ?? unset);
  if (job?.activeDeadlineSeconds !== undefined)
    to.line(0, "Active Deadline Seconds:", `${job.activeDeadlineSeconds}s`);
  addPodTemplate(to, job?.template ?? {});
  const last = status?.lastScheduleTime;
  to.line(0, "Last Schedule Time:", typeof last === "string" ? timeText(last) : unset);
  const names = (status?.active ?? []).map(({ name }) => name);
  to.line(0, "Active Jobs:", names.length === 0 ? "<none>" : names.join(", "));
}
