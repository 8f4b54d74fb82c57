import type { PodDisruptionBudget } from "#api/kube/types/policy.ts";
import { selects } from "#orchestrator/machinery/label-selector.ts";
import { whyNot } from "./filters.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";
import { cycleStateOf, type SelectContext } from "./select-node.ts";

/** A node that does once the victims have gone. */
export interface Preemption {
  readonly node: NodeInfo;
  /** The most important first. */
  readonly victims: readonly PodInfo[];
  readonly violations: number;
}

/**
 * The node where making room costs least: the fewest budgets violated, then the least important victims, the fewest of them, and
 * those that started last.
 *
 * @see Kubernetes, pod priority and preemption
 */
export function planPreemption(
  pod: PodInfo,
  candidates: readonly NodeInfo[],
  budgets: readonly PodDisruptionBudget[],
  context: SelectContext,
): Preemption | undefined {
  const plans: Preemption[] = [];
  const most = Math.max(100, Math.ceil(candidates.length / 10));
  for (const node of candidates) {
    const plan = victimsOn(pod, node, budgets, context);
    if (plan !== undefined) plans.push(plan);
    if (plans.length >= most) break;
  }
  return plans.toSorted(compare)[0];
}

function victimsOn(
  pod: PodInfo,
  node: NodeInfo,
  budgets: readonly PodDisruptionBudget[],
  context: SelectContext,
): Preemption | undefined {
  const lower = [...node.pods.values()].filter(({ priority }) => priority < pod.priority);
  if (lower.length === 0) return undefined;
  const { names } = context.cluster;
  const isFitting = () => whyNot(pod, node, cycleStateOf(pod, context), names).length === 0;
  for (const { key } of lower) node.remove(key);
  try {
    if (!isFitting()) return undefined;
    const { violating, others } = byBudget(lower.toSorted(moreImportantFirst), budgets);
    const victims = new Set(lower);
    let violations = 0;
    const spare = (victim: PodInfo) => {
      node.add(victim);
      if (isFitting()) victims.delete(victim);
      else node.remove(victim.key);
      return !victims.has(victim);
    };
    for (const victim of violating) if (!spare(victim)) violations++;
    for (const victim of others) spare(victim);
    return { node, victims: [...victims].toSorted(moreImportantFirst), violations };
  } finally {
    for (const each of lower) node.add(each);
  }
}

function moreImportantFirst(a: PodInfo, b: PodInfo): number {
  return b.priority - a.priority || (startOf(a) < startOf(b) ? -1 : 1);
}

function startOf({ pod }: PodInfo): string {
  return pod.status?.startTime ?? pod.metadata.creationTimestamp ?? "";
}

/** Which of the pods may not go by a budget, when those before them go. */
function byBudget(
  pods: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): { readonly violating: readonly PodInfo[]; readonly others: readonly PodInfo[] } {
  const allowed = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]));
  const [violating, others]: [PodInfo[], PodInfo[]] = [[], []];
  for (const info of pods) {
    let isViolating = false;
    for (const [budget, left] of allowed) {
      if (!concerns(budget, info)) continue;
      allowed.set(budget, left - 1);
      if (left - 1 < 0) isViolating = true;
    }
    (isViolating ? violating : others).push(info);
  }
  return { violating, others };
}

function concerns({ metadata, spec, status }: PodDisruptionBudget, { pod }: PodInfo): boolean {
  if (metadata.namespace !== pod.metadata.namespace) return false;
  if (status?.disruptedPods?.[pod.metadata.name ?? ""] !== undefined) return false;
  return selects(spec?.selector, pod.metadata.labels);
}

function compare(a: Preemption, b: Preemption): number {
  const sum = ({ victims }: Preemption) =>
    victims.reduce((total, { priority }) => total + priority + 2 ** 31, 0);
  const first = ({ victims }: Preemption) => victims[0]?.priority ?? 0;
  const earliest = ({ victims }: Preemption) =>
    victims
      .filter(({ priority }) => priority === victims[0]?.priority)
      .map(startOf)
      .toSorted()[0] ?? "";
  return (
    a.violations - b.violations ||
    first(a) - first(b) ||
    sum(a) - sum(b) ||
    a.victims.length - b.victims.length ||
    (earliest(a) > earliest(b) ? -1 : 1)
  );
}
