import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from "#api/kube/types/apps.ts";
import type { CronJob, Job } from "#api/kube/types/batch.ts";
import type { PodTemplate, ReplicationController } from "#api/kube/types/core.ts";
import type { PodTemplateSpec } from "#api/kube/types/core-pods.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { edit, type Writable } from "../edit.ts";
import { defaultPodSpec } from "../pods/defaults.ts";

const defaultHistory = 10;
const defaultProgressDeadlineS = 600;
const defaultBackoffLimit = 6;
const [keptSuccesses, keptFailures] = [3, 1];
const greatestInt32 = 2 ** 31 - 1;

function defaultTemplate(template: Writable<PodTemplateSpec> | undefined): void {
  if (template?.spec !== undefined) defaultPodSpec(template.spec);
}

export function defaultDeployment(object: Draft): void {
  const { spec } = edit<Deployment>(object);
  defaultTemplate(spec.template);
  spec.replicas ??= 1;
  spec.strategy ??= {};
  spec.strategy.type ??= "RollingUpdate";
  if (spec.strategy.type === "RollingUpdate") {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= "25%";
    spec.strategy.rollingUpdate.maxSurge ??= "25%";
  }
  spec.revisionHistoryLimit ??= defaultHistory;
  spec.progressDeadlineSeconds ??= defaultProgressDeadlineS;
}

export function defaultReplicaSet(object: Draft): void {
  const { spec } = edit<ReplicaSet>(object);
  defaultTemplate(spec.template);
  spec.replicas ??= 1;
}

export function defaultReplicationController(object: Draft): void {
  const { spec, metadata } = edit<ReplicationController>(object);
  defaultTemplate(spec.template);
  const labels = spec.template?.metadata?.labels;
  if (labels !== undefined) {
    spec.selector ??= { ...labels };
    metadata.labels ??= { ...labels };
  }
  spec.replicas ??= 1;
}

export function defaultDaemonSet(object: Draft): void {
  const { spec } = edit<DaemonSet>(object);
  defaultTemplate(spec.template);
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ??= "RollingUpdate";
  if (spec.updateStrategy.type === "RollingUpdate") {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= defaultHistory;
}

export function defaultStatefulSet(object: Draft): void {
  const { spec } = edit<StatefulSet>(object);
  defaultTemplate(spec.template);
  spec.podManagementPolicy ??= "OrderedReady";
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ??= "RollingUpdate";
  if (spec.updateStrategy.type === "RollingUpdate") {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.partition ??= 0;
  }
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ??= "Retain";
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ??= "Retain";
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= defaultHistory;
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion ??= "v1";
    claim.kind ??= "PersistentVolumeClaim";
    claim.spec.volumeMode ??= "Filesystem";
    claim.status = { phase: "Pending", ...claim.status };
  }
}

export function defaultJob(object: Draft): void {
  const { spec, metadata } = edit<Job>(object);
  defaultTemplate(spec.template);
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? defaultBackoffLimit : greatestInt32;
  spec.completionMode ??= "NonIndexed";
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? "TerminatingOrFailed" : "Failed";
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ??= "True";
  }
  const labels = spec.template?.metadata?.labels;
  if (metadata.labels === undefined && labels !== undefined) metadata.labels = { ...labels };
}

export function defaultCronJob(object: Draft): void {
  const { spec } = edit<CronJob>(object);
  defaultTemplate(spec.jobTemplate?.spec?.template);
  spec.concurrencyPolicy ??= "Allow";
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= keptSuccesses;
  spec.failedJobsHistoryLimit ??= keptFailures;
}

export function defaultPodTemplate(object: Draft): void {
  defaultTemplate(edit<PodTemplate>(object).template);
}
