import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import { describeContainers } from "./containers.ts";
import { type Description, sinceText, timeText } from "./description.ts";
import { describeSpreading, describeTolerations } from "./pod-template.ts";
import { controllerText } from "../controller.ts";
import { describeVolumes } from "./volumes.ts";

export function describePod(to: Description, pod: Pod): void {
  const { metadata, spec, status } = pod;
  to.name(metadata);
  if (spec?.priority !== undefined) to.line(0, "Priority:", spec.priority);
  if ((spec?.priorityClassName ?? "") !== "") to.line(0, "Priority Class Name:", spec?.priorityClassName);
  if ((spec?.runtimeClassName ?? "") !== "") to.line(0, "Runtime Class Name:", spec?.runtimeClassName);
  if ((spec?.serviceAccountName ?? "") !== "") to.line(0, "Service Account:", spec?.serviceAccountName);
  to.line(0, "Node:", (spec?.nodeName ?? "") === "" ? "<none>" : `${spec?.nodeName}/${status?.hostIP ?? ""}`);
  if (typeof status?.startTime === "string") to.line(0, "Start Time:", timeText(status.startTime));
  to.meta(metadata);
  describePhase(to, pod);
  const profile = spec?.securityContext?.seccompProfile;
  if (profile !== undefined) to.line(0, "SeccompProfile:", profile.type);
  if (profile?.type === "Localhost") to.line(0, "LocalhostProfile:", profile.localhostProfile);
  to.line(0, "IP:", status?.podIP ?? "");
  const addresses = status?.podIPs ?? [];
  if (addresses.length === 0) to.line(0, "IPs:", "<none>");
  else to.line(0, "IPs:");
  for (const { ip } of addresses) to.line(1, "IP:", ip);
  const controller = controllerText(metadata);
  if (controller !== undefined) to.line(0, "Controlled By:", controller);
  if ((status?.nominatedNodeName ?? "") !== "") to.line(0, "NominatedNodeName:", status?.nominatedNodeName);
  describeAllContainers(to, pod);
  describeConditions(to, pod);
  describeVolumes(to, spec?.volumes ?? [], false);
  to.line(0, "QoS Class:", status?.qosClass ?? "");
  to.labels("Node-Selectors", spec?.nodeSelector);
  describeTolerations(to, "Tolerations", spec?.tolerations ?? []);
  describeSpreading(to, "", spec?.topologySpreadConstraints ?? []);
}

function describePhase(to: Description, { metadata, status }: Pod): void {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = metadata;
  const { phase = "", reason = "", message = "" } = status ?? {};
  if (typeof deletionTimestamp === "string" && phase !== "Failed" && phase !== "Succeeded") {
    to.line(0, "Status:", `Terminating (lasts ${sinceText(deletionTimestamp)})`);
    to.line(0, "Termination Grace Period:", `${deletionGracePeriodSeconds}s`);
  } else to.line(0, "Status:", phase);
  if (reason !== "") to.line(0, "Reason:", reason);
  if (message !== "") to.line(0, "Message:", message);
}

function describeAllContainers(to: Description, pod: Pod): void {
  const { spec, status } = pod;
  const init = spec?.initContainers ?? [];
  if (init.length > 0)
    describeContainers(to, "Init Containers", init, status?.initContainerStatuses ?? [], pod);
  describeContainers(to, "Containers", spec?.containers ?? [], status?.containerStatuses ?? [], pod);
  const ephemeral = (spec?.ephemeralContainers ?? []) as readonly Container[];
  if (ephemeral.length > 0)
    describeContainers(to, "Ephemeral Containers", ephemeral, status?.ephemeralContainerStatuses ?? [], pod);
}

function describeConditions(to: Description, { spec, status }: Pod): void {
  const conditions = status?.conditions ?? [];
  const gates = spec?.readinessGates ?? [];
  if (gates.length > 0) {
    to.line(0, "Readiness Gates:");
    to.line(1, "Type", "Status");
    for (const { conditionType } of gates) {
      const found = conditions.find(({ type }) => type === conditionType);
      to.line(1, `${conditionType} `, `${found?.status ?? "<none>"} `);
    }
  }
  if (conditions.length === 0) return;
  to.line(0, "Conditions:");
  to.line(1, "Type", "Status");
  for (const { type, status: is } of conditions) to.line(1, `${type} `, `${is} `);
}
