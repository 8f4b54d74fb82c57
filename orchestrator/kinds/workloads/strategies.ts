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
import { countsChanges, keepsStatus, textAt } from "../parts.ts";
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

export const workloadStrategies: Readonly<Record<string, Strategy>> = {
  podtemplates: {
    default: defaultPodTemplate,
    validate: podTemplateErrors,
    ...countsChanges(["template"]),
    canCreateOnUpdate: true,
  },
  replicationcontrollers: {
    default: defaultReplicationController,
    validate: replicationControllerErrors,
    ...keepsStatus({ initial: () => ({ replicas: 0 }) }),
    selectableFields: replicas,
    defaultPropagation: "Orphan",
  },
  "replicasets.apps": {
    default: defaultReplicaSet,
    validate: replicaSetErrors,
    validateUpdate: replicaSetUpdateErrors,
    ...keepsStatus({ initial: () => ({ replicas: 0 }) }),
    selectableFields: replicas,
  },
  "deployments.apps": {
    default: defaultDeployment,
    validate: deploymentErrors,
    validateUpdate: deploymentUpdateErrors,
    ...keepsStatus(),
  },
  "daemonsets.apps": {
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
    default: defaultStatefulSet,
    validate: statefulSetErrors,
    validateUpdate: statefulSetUpdateErrors,
    ...keepsStatus({ initial: () => ({ replicas: 0, availableReplicas: 0 }) }),
  },
  "jobs.batch": {
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
    validate: cronJobErrors,
    validateUpdate: cronJobUpdateErrors,
    ...keepsStatus(),
  },
};
