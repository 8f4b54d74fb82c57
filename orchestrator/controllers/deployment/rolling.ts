import type { Deployment, ReplicaSet } from "#api/kube/types/apps.ts";
import { scaledValue } from "#orchestrator/machinery/int-or-percent.ts";
import { desiredAnnotation, maxAnnotation, olderFirst, sizeOf, sumOf } from "./sets.ts";

/** A ReplicaSet that gets another size. */
export interface Scaling {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

/** How many pods there may be too many, and too few, during a roll-out. Never both 0: it would not move. */
function fenceposts(deployment: Deployment): { readonly surge: number; readonly unavailable: number } {
  const { maxSurge = "25%", maxUnavailable = "25%" } = deployment.spec.strategy?.rollingUpdate ?? {};
  const replicas = deployment.spec.replicas ?? 1;
  const surge = scaledValue(maxSurge, replicas, "up");
  const unavailable = scaledValue(maxUnavailable, replicas, "down");
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

function isRolling(deployment: Deployment): boolean {
  return (deployment.spec.strategy?.type ?? "RollingUpdate") === "RollingUpdate";
}

export function surgeOf(deployment: Deployment): number {
  return isRolling(deployment) ? fenceposts(deployment).surge : 0;
}

export function maxUnavailableOf(deployment: Deployment): number {
  const replicas = deployment.spec.replicas ?? 1;
  if (!isRolling(deployment) || replicas === 0) return 0;
  return Math.min(fenceposts(deployment).unavailable, replicas);
}

/** The size that the new ReplicaSet may have now. */
export function newReplicas(deployment: Deployment, newSet: ReplicaSet, all: readonly ReplicaSet[]): number {
  const replicas = deployment.spec.replicas ?? 1;
  if (!isRolling(deployment)) return replicas;
  const room = replicas + surgeOf(deployment) - sumOf(all, sizeOf);
  if (room <= 0) return sizeOf(newSet);
  return sizeOf(newSet) + Math.min(room, replicas - sizeOf(newSet));
}

/** The next step of a rolling update: the new one grows while there is room, then old ones shrink while enough are available. */
export function planRolling(
  deployment: Deployment,
  newSet: ReplicaSet,
  oldSets: readonly ReplicaSet[],
): readonly Scaling[] {
  const replicas = deployment.spec.replicas ?? 1;
  const all = [...oldSets, newSet];
  if (sizeOf(newSet) > replicas) return [{ set: newSet, replicas }];
  const grown = sizeOf(newSet) === replicas ? replicas : newReplicas(deployment, newSet, all);
  if (grown !== sizeOf(newSet)) return [{ set: newSet, replicas: grown }];
  return planShrinking(deployment, newSet, oldSets);
}

function planShrinking(
  deployment: Deployment,
  newSet: ReplicaSet,
  oldSets: readonly ReplicaSet[],
): readonly Scaling[] {
  const active = oldSets.filter((set) => sizeOf(set) > 0).toSorted(olderFirst);
  if (active.length === 0) return [];
  const minAvailable = (deployment.spec.replicas ?? 1) - maxUnavailableOf(deployment);
  const newUnavailable = sizeOf(newSet) - (newSet.status?.availableReplicas ?? 0);
  const most = sumOf([...oldSets, newSet], sizeOf) - minAvailable - newUnavailable;
  if (most <= 0) return [];
  const sizes = new Map(active.map((set) => [set, sizeOf(set)]));
  let unhealthy = most;
  for (const set of active) {
    const less = Math.min(unhealthy, sizeOf(set) - (set.status?.availableReplicas ?? 0));
    if (less <= 0) continue;
    sizes.set(set, sizeOf(set) - less);
    unhealthy -= less;
  }
  let left = sumOf([...oldSets, newSet], ({ status }) => status?.availableReplicas) - minAvailable;
  for (const set of active) {
    const less = Math.min(left, sizes.get(set) ?? 0);
    if (less <= 0) continue;
    sizes.set(set, (sizes.get(set) ?? 0) - less);
    left -= less;
  }
  return changesOf(sizes);
}

function changesOf(sizes: ReadonlyMap<ReplicaSet, number>): readonly Scaling[] {
  return [...sizes]
    .filter(([set, replicas]) => sizeOf(set) !== replicas)
    .map(([set, replicas]) => ({ set, replicas }));
}

/** What follows when the Deployment's size changed, maybe in the midst of a roll-out: all grow or shrink in proportion. */
export function planScaling(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): readonly Scaling[] {
  const replicas = deployment.spec.replicas ?? 1;
  const all = newSet === undefined ? oldSets : [...oldSets, newSet];
  const active = all.filter((set) => sizeOf(set) > 0);
  const only = active.length === 0 ? (newSet ?? oldSets.toSorted(olderFirst).at(-1)) : active[0];
  if (active.length <= 1) {
    return only === undefined || sizeOf(only) === replicas ? [] : [{ set: only, replicas }];
  }
  if (newSet !== undefined && isSaturated(deployment, newSet))
    return oldSets.filter((set) => sizeOf(set) > 0).map((set) => ({ set, replicas: 0 }));
  return isRolling(deployment) ? planProportionally(deployment, active) : [];
}

function isSaturated(deployment: Deployment, set: ReplicaSet): boolean {
  const replicas = deployment.spec.replicas ?? 1;
  return (
    set.metadata.annotations?.[desiredAnnotation] === String(replicas) &&
    sizeOf(set) === replicas &&
    set.status?.availableReplicas === replicas
  );
}

/** @see Kubernetes, Deployments: proportional scaling */
function planProportionally(deployment: Deployment, active: readonly ReplicaSet[]): readonly Scaling[] {
  const replicas = deployment.spec.replicas ?? 1;
  const allowed = replicas > 0 ? replicas + surgeOf(deployment) : 0;
  const toAdd = allowed - sumOf(active, sizeOf);
  const newerFirst = (a: ReplicaSet, b: ReplicaSet) => olderFirst(b, a);
  const ties = toAdd > 0 ? newerFirst : olderFirst;
  const largestFirst = active.toSorted((a, b) => sizeOf(b) - sizeOf(a) || ties(a, b));
  const sizes = new Map<ReplicaSet, number>();
  let added = 0;
  for (const set of largestFirst) {
    const share = shareOf(deployment, set, toAdd, added);
    sizes.set(set, sizeOf(set) + share);
    added += share;
  }
  const [largest] = largestFirst;
  if (largest !== undefined && toAdd !== 0)
    sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + toAdd - added));
  return [...sizes].map(([set, size]) => ({ set, replicas: size }));
}

function shareOf(deployment: Deployment, set: ReplicaSet, toAdd: number, added: number): number {
  if (sizeOf(set) === 0 || toAdd === 0 || toAdd === added) return 0;
  const fraction = fractionOf(deployment, set);
  return toAdd > 0 ? Math.min(fraction, toAdd - added) : Math.max(fraction, toAdd - added);
}

function fractionOf(deployment: Deployment, set: ReplicaSet): number {
  const replicas = deployment.spec.replicas ?? 1;
  if (replicas === 0) return -sizeOf(set);
  const most = replicas + surgeOf(deployment);
  const before = Number(set.metadata.annotations?.[maxAnnotation] ?? 0) || (deployment.status?.replicas ?? 0);
  if (!(before > 0)) return 0;
  return Math.round((sizeOf(set) * most) / before) - sizeOf(set);
}
