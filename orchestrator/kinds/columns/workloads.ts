import type { LabelSelector } from "#api/kube/meta.ts";
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from "#api/kube/types/apps.ts";
import type { CronJob, Job } from "#api/kube/types/batch.ts";
import type { PodTemplate, ReplicationController } from "#api/kube/types/core.ts";
import type { PodTemplateSpec } from "#api/kube/types/core-pods.ts";
import type { Column } from "#orchestrator/machinery/resource.ts";
import {
  ageColumn,
  column,
  containerColumns,
  formatLabels,
  formatSelector,
  nameColumn,
  wide,
} from "./column.ts";
import { humanDuration, timeSince } from "#orchestrator/machinery/human-duration.ts";

interface Workload {
  readonly spec?: { readonly selector?: LabelSelector; readonly template?: PodTemplateSpec };
}

const templateColumns = containerColumns<Workload>(({ spec }) => spec?.template?.spec?.containers);
const selectorColumn = wide<Workload>("Selector", "The pods that belong to it.", ({ spec }) =>
  formatSelector(spec?.selector),
);

export const deploymentColumns: readonly Column[] = [
  nameColumn,
  column<Deployment>(
    "Ready",
    "string",
    "Number of the pod with ready state",
    ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
  ),
  column<Deployment>("Up-to-date", "string", "Pods of the current template.", ({ status }) =>
    String(status?.updatedReplicas ?? 0),
  ),
  column<Deployment>("Available", "string", "Pods that have been ready for long enough.", ({ status }) =>
    String(status?.availableReplicas ?? 0),
  ),
  ageColumn,
  ...templateColumns,
  selectorColumn,
];

export const replicaSetColumns: readonly Column[] = [
  nameColumn,
  column<ReplicaSet>("Desired", "integer", "Pods that are asked for.", ({ spec }) => spec.replicas ?? 0),
  column<ReplicaSet>("Current", "integer", "Pods that are there.", ({ status }) => status?.replicas ?? 0),
  column<ReplicaSet>("Ready", "integer", "Pods that are ready.", ({ status }) => status?.readyReplicas ?? 0),
  ageColumn,
  ...templateColumns,
  selectorColumn,
];

export const replicationControllerColumns: readonly Column[] = [
  ...replicaSetColumns.slice(0, -1),
  wide<ReplicationController>("Selector", "The pods that belong to it.", ({ spec }) =>
    formatLabels(spec.selector),
  ),
];

export const daemonSetColumns: readonly Column[] = [
  nameColumn,
  column<DaemonSet>(
    "Desired",
    "integer",
    "Nodes that should run the pod.",
    ({ status }) => status?.desiredNumberScheduled,
  ),
  column<DaemonSet>(
    "Current",
    "integer",
    "Nodes that run the pod as they should.",
    ({ status }) => status?.currentNumberScheduled,
  ),
  column<DaemonSet>("Ready", "integer", "Nodes whose pod is ready.", ({ status }) => status?.numberReady),
  column<DaemonSet>(
    "Up-to-date",
    "integer",
    "Nodes with a pod of the current template.",
    ({ status }) => status?.updatedNumberScheduled,
  ),
  column<DaemonSet>(
    "Available",
    "integer",
    "Nodes whose pod has been ready for long enough.",
    ({ status }) => status?.numberAvailable,
  ),
  column<DaemonSet>("Node Selector", "string", "The nodes that it is for.", ({ spec }) =>
    formatLabels(spec.template.spec?.nodeSelector),
  ),
  ageColumn,
  ...templateColumns,
  selectorColumn,
];

export const statefulSetColumns: readonly Column[] = [
  nameColumn,
  column<StatefulSet>(
    "Ready",
    "string",
    "Number of the pod with ready state",
    ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
  ),
  ageColumn,
  ...templateColumns,
];

export const jobColumns: readonly Column[] = [
  nameColumn,
  column<Job>("Status", "string", "Status of the job.", jobStatus),
  column<Job>("Completions", "string", "Pods that succeeded, of how many should.", completions),
  column<Job>("Duration", "string", "Time required to complete the job.", jobDuration),
  ageColumn,
  ...templateColumns,
  selectorColumn,
];

const endings = [
  ["Complete", "Complete"],
  ["Failed", "Failed"],
] as const;
const transitions = [
  ["Suspended", "Suspended"],
  ["FailureTarget", "FailureTarget"],
  ["SuccessCriteriaMet", "SuccessCriteriaMet"],
] as const;

function jobStatus(job: Job): string {
  const holds = (type: string) =>
    job.status?.conditions?.some((condition) => condition.type === type && condition.status === "True") ===
    true;
  const ended = endings.find(([type]) => holds(type));
  if (ended !== undefined) return ended[1];
  if (job.metadata.deletionTimestamp !== undefined) return "Terminating";
  return transitions.find(([type]) => holds(type))?.[1] ?? "Running";
}

function completions({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function jobDuration({ status }: Job, now: Date): string {
  const { startTime, completionTime } = status ?? {};
  if (startTime === undefined) return "";
  const end = completionTime === undefined ? now.getTime() : Date.parse(completionTime);
  return humanDuration(end - Date.parse(startTime));
}

export const cronJobColumns: readonly Column[] = [
  nameColumn,
  column<CronJob>("Schedule", "string", "The schedule in Cron format.", ({ spec }) => spec.schedule),
  column<CronJob>(
    "Timezone",
    "string",
    "The time zone of the schedule.",
    ({ spec }) => spec.timeZone ?? "<none>",
  ),
  column<CronJob>("Suspend", "boolean", "Whether it starts no more jobs.", ({ spec }) => {
    if (spec.suspend === undefined) return "<unset>";
    return spec.suspend ? "True" : "False";
  }),
  column<CronJob>("Active", "integer", "Jobs that are running.", ({ status }) => status?.active?.length ?? 0),
  column<CronJob>("Last Schedule", "string", "When it last started a job.", ({ status }, now) =>
    status?.lastScheduleTime === undefined ? "<none>" : timeSince(status.lastScheduleTime, now),
  ),
  ageColumn,
  ...containerColumns<CronJob>(({ spec }) => spec.jobTemplate.spec?.template.spec?.containers),
  wide<CronJob>("Selector", "The pods that belong to its jobs.", ({ spec }) =>
    formatSelector(spec.jobTemplate.spec?.selector),
  ),
];

export const podTemplateColumns: readonly Column[] = [
  nameColumn,
  ...containerColumns<PodTemplate>(({ template }) => template?.spec?.containers).map((each) => ({
    ...each,
    priority: 0,
  })),
  column<PodTemplate>("Pod Labels", "string", "The labels of pods that are made of it.", ({ template }) =>
    formatLabels(template?.metadata?.labels),
  ),
];

export const controllerRevisionColumns: readonly Column[] = [
  nameColumn,
  column<ControllerRevision>("Controller", "string", "Controller of the object", ({ metadata }) => {
    const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
    if (owner === undefined) return "<none>";
    const [group, version] = owner.apiVersion.split("/");
    const suffix = version === undefined ? "" : `.${group}`;
    return `${owner.kind.toLowerCase()}${suffix}/${owner.name}`;
  }),
  column<ControllerRevision>("Revision", "string", "The number of the state that it holds.", ({ revision }) =>
    String(revision),
  ),
  ageColumn,
];
