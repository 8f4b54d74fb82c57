import type { Strategy } from "#orchestrator/machinery/resource.ts";
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
  podtemplates: { default: defaultPodTemplate, ...countsChanges(["template"]), canCreateOnUpdate: true },
  replicationcontrollers: {
    default: defaultReplicationController,
    ...keepsStatus({ initial: () => ({ replicas: 0 }) }),
    selectableFields: replicas,
    defaultPropagation: "Orphan",
  },
  "replicasets.apps": {
    default: defaultReplicaSet,
    ...keepsStatus({ initial: () => ({ replicas: 0 }) }),
    selectableFields: replicas,
  },
  "deployments.apps": { default: defaultDeployment, ...keepsStatus() },
  "daemonsets.apps": {
    default: defaultDaemonSet,
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
    ...keepsStatus({ initial: () => ({ replicas: 0, availableReplicas: 0 }) }),
  },
  "jobs.batch": {
    default: defaultJob,
    ...jobs,
    prepareForCreate(object) {
      jobs.prepareForCreate(object);
      selectOwnPods(object);
    },
    selectableFields: { "status.successful": (object) => textAt(object, "status", "succeeded") || "0" },
    defaultPropagation: "Orphan",
  },
  "cronjobs.batch": { default: defaultCronJob, ...keepsStatus() },
};
