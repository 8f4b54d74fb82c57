import type { Node } from "#api/kube/types/core.ts";
import type {
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
} from "#api/kube/types/core-volumes.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";

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
    matchExpressions.every((one) => isMet(one, labels)) && matchFields.every((one) => isMet(one, fields))
  );
}

function isMet(
  { key, operator, values = [] }: NodeSelectorRequirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[key];
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && Number.parseInt(value, 10) > Number.parseInt(values[0] ?? "", 10);
    case "Lt":
      return value !== undefined && Number.parseInt(value, 10) < Number.parseInt(values[0] ?? "", 10);
    default:
      return operator satisfies never;
  }
}
