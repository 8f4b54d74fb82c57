import type { PodSpec } from "#api/kube/types/core-pods.ts";
import type { Strategy } from "#orchestrator/machinery/resource.ts";
import {
  daemonSetErrors,
  daemonSetUpdateErrors,
  deploymentErrors,
  deploymentUpdateErrors,
  podTemplateErrors,
  replicaSetErrors,
  replicaSetUpdateErrors,
  replicationControllerErrors,
  statefulSetErrors,
  statefulSetUpdateErrors,
} from "./check.ts";
import { cronJobErrors, cronJobUpdateErrors, jobErrors, jobUpdateErrors } from "./check-jobs.ts";
import { view } from "../edit.ts";
import { keepsFields } from "../immutable.ts";
import { countsChanges, keepsStatus, textAt } from "../parts.ts";
import { podWarnings } from "../pods/warnings.ts";
import {
  defaultCronJob,
  defaultDaemonSet,
  defaultDeployment,
  defaultJob,
  defaultPodTemplate,
  defaultReplicaSet,
  defaultReplicationController,
  defaultStatefulSet,
} from "./defaults.ts";
import { selectOwnPods } from "./job-labels.ts";

const replicas: Strategy["selectableFields"] = {
  "status.replicas": (object) => textAt(object, "status", "replicas") || "0",
};
const jobs = keepsStatus();

type Templated = { readonly spec?: { readonly template?: { readonly spec?: PodSpec } } };
type Scheduled = { readonly spec?: { readonly jobTemplate?: Templated } };

function templateWarnings(path: string, { spec }: Templated): readonly string[] {
  return spec?.template?.spec === undefined ? [] : podWarnings(`${path}.template.spec`, spec.template.spec);
}

const ofTemplate: Pick<Strategy, "warnings"> = {
  warnings: (object) => templateWarnings("spec", view<Templated>(object)),
};

export const workloadStrategies: Readonly<Record<string, Strategy>> = {
  "controllerrevisions.apps": keepsFields("data"),
  podtemplates: {
    default: defaultPodTemplate,
    validate: podTemplateErrors,
    ...countsChanges(["template"]),
    canCreateOnUpdate: true,
  },
  replicationcontrollers: {
    ...ofTemplate,
    default: defaultReplicationController,
    validate: replicationControllerErrors,
    ...keepsStatus({ initial: () => ({ replicas: 0 }) }),
    selectableFields: replicas,
    defaultPropagation: "Orphan",
  },
  "replicasets.apps": {
    ...ofTemplate,
    default: defaultReplicaSet,
    validate: replicaSetErrors,
    validateUpdate: replicaSetUpdateErrors,
    ...keepsStatus({ initial: () => ({ replicas: 0 }) }),
    selectableFields: replicas,
  },
  "deployments.apps": {
    ...ofTemplate,
    default: defaultDeployment,
    validate: deploymentErrors,
    validateUpdate: deploymentUpdateErrors,
    ...keepsStatus(),
  },
  "daemonsets.apps": {
    ...ofTemplate,
    default: defaultDaemonSet,
    validate: daemonSetErrors,
    validateUpdate: daemonSetUpdateErrors,
    ...keepsStatus({
      initial: () => ({
        currentNumberScheduled: 0,
        numberMisscheduled: 0,
        desiredNumberScheduled: 0,
        numberReady: 0,
      }),
    }),
  },
  "statefulsets.apps": {
    ...ofTemplate,
    default: defaultStatefulSet,
    validate: statefulSetErrors,
    validateUpdate: statefulSetUpdateErrors,
    ...keepsStatus({ initial: () => ({ replicas: 0, availableReplicas: 0 }) }),
  },
  "jobs.batch": {
    ...ofTemplate,
    default: defaultJob,
    validate: jobErrors,
    validateUpdate: jobUpdateErrors,
    ...jobs,
    prepareForCreate(object) {
      jobs.prepareForCreate(object);
      selectOwnPods(object);
    },
    selectableFields: { "status.successful": (object) => textAt(object, "status", "succeeded") || "0" },
    defaultPropagation: "Orphan",
  },
  "cronjobs.batch": {
    default: defaultCronJob,
    warnings: (object) =>
      templateWarnings("spec.jobTemplate.spec", view<Scheduled>(object).spec?.jobTemplate ?? {}),
    validate: cronJobErrors,
    validateUpdate: cronJobUpdateErrors,
    ...keepsStatus(),
  },
};
