import { autoscalerErrors } from "./check-autoscaler.ts";
import {
  eventErrors,
  leaseErrors,
  limitRangeErrors,
  nodeErrors,
  nodeUpdateErrors,
  podDisruptionBudgetErrors,
  priorityClassErrors,
  priorityClassUpdateErrors,
  resourceQuotaErrors,
  resourceQuotaUpdateErrors,
  runtimeClassErrors,
  runtimeClassUpdateErrors,
} from "./check-cluster.ts";
import { configMapErrors, configMapUpdateErrors, secretErrors, secretUpdateErrors } from "./check-data.ts";
import type { Strategy } from "#orchestrator/machinery/resource.ts";
import { keepsFields } from "../immutable.ts";
import { countsChanges, keepsStatus, textAt } from "../parts.ts";
import {
  defaultAutoscaler,
  defaultFlowSchema,
  defaultLimitRange,
  defaultPriorityClass,
  defaultPriorityLevel,
  defaultSecret,
} from "./defaults.ts";
import { eventFields } from "./event-fields.ts";
import { namespaceStrategy } from "./namespace.ts";

const eventTtlS = 3600;
const noGenerations = { counts: [] };

export const clusterStrategies: Readonly<Record<string, Strategy>> = {
  namespaces: namespaceStrategy,
  nodes: {
    ...keepsStatus(noGenerations),
    validate: nodeErrors,
    validateUpdate: nodeUpdateErrors,
    // Whoever registers a node also tells its status.
    prepareForCreate: () => undefined,
    selectableFields: {
      "spec.unschedulable": (object) => textAt(object, "spec", "unschedulable") || "false",
    },
  },
  configmaps: { validate: configMapErrors, validateUpdate: configMapUpdateErrors },
  secrets: {
    default: defaultSecret,
    validate: secretErrors,
    validateUpdate: secretUpdateErrors,
    selectableFields: { type: (object) => textAt(object, "type") },
  },
  events: { validate: eventErrors, selectableFields: eventFields, canCreateOnUpdate: true, ttlS: eventTtlS },
  "events.events.k8s.io": { selectableFields: eventFields, canCreateOnUpdate: true, ttlS: eventTtlS },
  limitranges: { default: defaultLimitRange, validate: limitRangeErrors, canCreateOnUpdate: true },
  resourcequotas: {
    ...keepsStatus(noGenerations),
    validate: resourceQuotaErrors,
    validateUpdate: resourceQuotaUpdateErrors,
  },
  "leases.coordination.k8s.io": {
    validate: leaseErrors,
    canCreateOnUpdate: true,
    needsResourceVersion: true,
  },
  "priorityclasses.scheduling.k8s.io": {
    default: defaultPriorityClass,
    validate: priorityClassErrors,
    validateUpdate: priorityClassUpdateErrors,
    ...countsChanges(["value", "description"]),
  },
  "runtimeclasses.node.k8s.io": {
    validate: runtimeClassErrors,
    validateUpdate: runtimeClassUpdateErrors,
    needsResourceVersion: true,
  },
  "horizontalpodautoscalers.autoscaling": {
    default: defaultAutoscaler,
    validate: autoscalerErrors,
    ...keepsStatus(noGenerations),
  },
  "poddisruptionbudgets.policy": {
    ...keepsStatus({
      initial: () => ({ disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }),
    }),
    validate: podDisruptionBudgetErrors,
    needsResourceVersion: true,
  },
  "flowschemas.flowcontrol.apiserver.k8s.io": { default: defaultFlowSchema, ...keepsStatus() },
  "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": {
    default: defaultPriorityLevel,
    ...keepsStatus(),
  },
  "resourceclaims.resource.k8s.io": { ...keepsStatus(noGenerations), ...keepsFields("spec") },
  "resourceclaimtemplates.resource.k8s.io": keepsFields("spec"),
  "resourceslices.resource.k8s.io": {
    ...countsChanges(["spec"]),
    ...keepsFields("spec.driver", "spec.nodeName", "spec.pool.name"),
    selectableFields: {
      "spec.nodeName": (object) => textAt(object, "spec", "nodeName"),
      "spec.driver": (object) => textAt(object, "spec", "driver"),
    },
  },
  "devicetaintrules.resource.k8s.io": keepsStatus(),
  "storageversionmigrations.storagemigration.k8s.io": keepsStatus(noGenerations),
  "deviceclasses.resource.k8s.io": countsChanges(["spec"]),
};
