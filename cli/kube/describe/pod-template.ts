import type { PodTemplateSpec, Toleration, TopologySpreadConstraint } from "#api/kube/types/core-pods.ts";
import { formatLabelSelector, requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import { describeContainers } from "./containers.ts";
import { Description } from "./description.ts";
import { describeVolumes } from "./volumes.ts";

/** As `rollout history` shows it: with tabs. */
export function podTemplateText(template: PodTemplateSpec): string {
  const to = new Description();
  addPodTemplate(to, template);
  return to.withTabs();
}

export function addPodTemplate(to: Description, { metadata, spec }: PodTemplateSpec): void {
  to.line(0, "Pod Template:");
  to.labels("  Labels", metadata?.labels);
  if (Object.keys(metadata?.annotations ?? {}).length > 0)
    to.annotations("  Annotations", metadata?.annotations);
  if ((spec?.serviceAccountName ?? "") !== "") to.line(1, "Service Account:", spec?.serviceAccountName);
  const init = spec?.initContainers ?? [];
  if (init.length > 0) describeContainers(to, "Init Containers", init, [], undefined);
  describeContainers(to, "Containers", spec?.containers ?? [], [], undefined);
  describeVolumes(to, spec?.volumes ?? [], true);
  describeSpreading(to, "  ", spec?.topologySpreadConstraints ?? []);
  if ((spec?.priorityClassName ?? "") !== "") to.line(1, "Priority Class Name:", spec?.priorityClassName);
  to.labels("  Node-Selectors", spec?.nodeSelector);
  describeTolerations(to, "  Tolerations", spec?.tolerations ?? []);
}

export function describeTolerations(
  to: Description,
  title: string,
  tolerations: readonly Toleration[],
): void {
  const sorted = tolerations.toSorted((a, b) =>
    (a.key ?? "") < (b.key ?? "") ? -1 : a.key === b.key ? 0 : 1,
  );
  to.list(title, sorted.map(tolerationText));
}

function tolerationText({ key = "", value = "", effect, operator, tolerationSeconds }: Toleration): string {
  const what = `${key}${value === "" ? "" : `=${value}`}${effect === undefined ? "" : `:${effect}`}`;
  const exists = operator === "Exists" && value === "" ? `${what === "" ? "" : " "}op=Exists` : "";
  return `${what}${exists}${tolerationSeconds === undefined ? "" : ` for ${tolerationSeconds}s`}`;
}

export function describeSpreading(
  to: Description,
  space: string,
  all: readonly TopologySpreadConstraint[],
): void {
  const sorted = all.toSorted((a, b) => (a.topologyKey < b.topologyKey ? -1 : 1));
  const texts = sorted.map(({ topologyKey, whenUnsatisfiable, maxSkew, labelSelector }) => {
    const selector =
      labelSelector === undefined
        ? ""
        : ` for selector ${formatLabelSelector(requirementsOf(labelSelector) ?? [])}`;
    return `${topologyKey}:${whenUnsatisfiable} when max skew ${maxSkew} is exceeded${selector}`;
  });
  if (texts.length > 0) to.list(`${space}Topology Spread Constraints`, texts);
}
