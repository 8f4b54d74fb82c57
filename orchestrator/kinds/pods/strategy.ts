import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Draft, Strategy } from "#orchestrator/machinery/resource.ts";
import { edit, view } from "../edit.ts";
import { keepsStatus, textAt } from "../parts.ts";
import { defaultPod, defaultPodSpec } from "./defaults.ts";
import { podErrors, podUpdateErrors } from "./check-update.ts";
import { qosClassOf } from "./qos.ts";
import { podWarnings } from "./warnings.ts";

const prepared = keepsStatus();

export const podStrategy: Strategy = {
  default(object) {
    const { spec } = edit<Pod>(object);
    defaultPodSpec(spec);
    defaultPod(spec);
  },
  prepareForCreate(object) {
    prepared.prepareForCreate(object);
    const pod = edit<Pod>(object);
    pod.status = { phase: "Pending", qosClass: qosClassOf(view<Pod>(object).spec) };
    if ((pod.spec.schedulingGates?.length ?? 0) > 0) pod.status.conditions = [gated];
  },
  prepareForUpdate(next, old) {
    prepared.prepareForUpdate(next, old);
  },
  validate: podErrors,
  validateUpdate: podUpdateErrors,
  // Pods are updated often, and hardly ever by people.
  warnings: (object) =>
    textAt(object, "metadata", "resourceVersion") === "" ? podWarnings("spec", view<Pod>(object).spec) : [],
  gracePeriodS,
  selectableFields: {
    "spec.nodeName": (object) => textAt(object, "spec", "nodeName"),
    "spec.restartPolicy": (object) => textAt(object, "spec", "restartPolicy"),
    "spec.schedulerName": (object) => textAt(object, "spec", "schedulerName"),
    "spec.serviceAccountName": (object) => textAt(object, "spec", "serviceAccountName"),
    "spec.hostNetwork": (object) => textAt(object, "spec", "hostNetwork") || "false",
    "status.phase": (object) => textAt(object, "status", "phase"),
    "status.podIP": (object) => textAt(object, "status", "podIP"),
    "status.podIPs": (object) => (view<Pod>(object).status?.podIPs ?? []).map(({ ip }) => ip).join(","),
    "status.nominatedNodeName": (object) => textAt(object, "status", "nominatedNodeName"),
  },
};

const gated = {
  type: "PodScheduled",
  status: "False",
  reason: "SchedulingGated",
  message: "Scheduling is blocked due to non-empty scheduling gates",
};

/** A pod that no node has, or that has ended, goes at once. */
function gracePeriodS(object: Draft, asked: number | undefined): number {
  const { spec, status } = view<Pod>(object);
  if ((spec.nodeName ?? "") === "" || status?.phase === "Failed" || status?.phase === "Succeeded") return 0;
  const wanted = asked ?? spec.terminationGracePeriodSeconds ?? 0;
  return wanted < 0 ? 1 : wanted;
}
