import type { Node } from "#api/kube/types/core.ts";
import type {
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
} from "#api/kube/types/core-volumes.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { isMet, type LabelRequirement } from "./label-selector.ts";

/** Whether the node has what the pod's nodeSelector and required node affinity ask for. */
export function fitsNodeAffinity({ spec }: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  for (const [name, value] of Object.entries(spec.nodeSelector ?? {}))
    if (labels[name] !== value) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesNodeSelector(required, node);
}

/** One of the terms must hold. */
export function matchesNodeSelector({ nodeSelectorTerms }: NodeSelector, node: Node): boolean {
  return nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

/** All requirements must hold; a term without any matches nothing. */
export function matchesTerm(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  node: Node,
): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  const fields = { "metadata.name": node.metadata.name ?? "" };
  return (
    matchExpressions.every((one) => holds(one, labels)) && matchFields.every((one) => holds(one, fields))
  );
}

const operators = {
  In: "in",
  NotIn: "notin",
  Exists: "exists",
  DoesNotExist: "!",
  Gt: ">",
  Lt: "<",
} as const satisfies Record<NodeSelectorRequirement["operator"], LabelRequirement["operator"]>;

function holds(
  { key, operator, values = [] }: NodeSelectorRequirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  return isMet({ key, operator: operators[operator], values }, labels);
}
