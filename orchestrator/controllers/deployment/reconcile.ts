import { ignoreNotFound } from "#api/kube/status.ts";
import type { Deployment, ReplicaSet } from "#api/kube/types/apps.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { deployments, pods, replicaSets } from "#client/kube/resources.ts";
import type { EventRecorder } from "#orchestrator/informers/event-recorder.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { type Again, runController } from "#orchestrator/informers/run-controller.ts";
import { matchesLabels, requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import { claimObjects } from "../claim.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { byController, byOrphanage, controllerIndex, controllerOf, orphanIndex } from "../owner.ts";
import { isNamespaceTerminating } from "../pods/pod-control.ts";
import { isFinished } from "../pods/pod-facts.ts";
import { isScaled, resized, setsToForget } from "./replica-sets.ts";
import { sizeOf } from "./sets.ts";
import { rollBack, rollbackTo } from "./rollback.ts";
import { planRolling, planScaling, type Scaling } from "./rolling.ts";
import { type Acting, type Sets, sortOut, tell, writeStatus } from "./sets-of.ts";
import { conditionOf, hasDeadline, isComplete, lateInMs, planNumbers, planRolloutStatus } from "./status.ts";

interface Working {
  readonly deps: ControllerDeps;
  readonly deployments: IndexedCache<Deployment>;
  readonly sets: IndexedCache<ReplicaSet>;
  readonly pods: IndexedCache<Pod>;
  readonly events: EventRecorder;
}

export async function startDeploymentController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const own = deps.informers.of(deployments);
  const sets = deps.informers.of(replicaSets);
  const podInformer = deps.informers.of(pods);
  for (const { cache } of [sets, podInformer] as const) {
    cache.addIndex(controllerIndex, byController);
    cache.addIndex(orphanIndex, byOrphanage);
  }
  const events = deps.events.recorder("deployment-controller");
  const working: Working = {
    deps,
    deployments: own.cache,
    sets: sets.cache,
    pods: podInformer.cache,
    events,
  };
  const controller = {
    name: "deployment-controller",
    reconcile: (key: string, signal: AbortSignal) => reconcile(working, key, signal),
  };
  const ready = Promise.all([own, sets, podInformer].map((informer) => informer.synced(signal)));
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const enqueue = (deployment: Deployment) => queue.add(keyOf(deployment));
  own.handle({ added: enqueue, updated: enqueue, deleted: enqueue });
  const enqueueOwner = (set: ReplicaSet) => {
    const owner = controllerOf(set);
    if (owner?.kind === "Deployment") queue.add(`${set.metadata.namespace}/${owner.name}`);
    if (owner !== undefined || set.metadata.deletionTimestamp !== undefined) return;
    for (const deployment of own.cache.inNamespace(set.metadata.namespace))
      if (selects(deployment, set)) enqueue(deployment);
  };
  sets.handle({
    added: enqueueOwner,
    updated(set, before) {
      enqueueOwner(set);
      if (controllerOf(before)?.uid !== controllerOf(set)?.uid) enqueueOwner(before);
    },
    deleted: enqueueOwner,
  });
  // a Recreate waits for the last pod of the old ReplicaSets
  podInformer.handle({
    deleted(pod) {
      const set = sets.cache.get(`${pod.metadata.namespace}/${controllerOf(pod)?.name}`);
      const key = set === undefined ? undefined : `${set.metadata.namespace}/${controllerOf(set)?.name}`;
      if (key !== undefined && own.cache.get(key)?.spec.strategy?.type === "Recreate") queue.add(key);
    },
  });
  await ended;
}

function selects({ spec }: Deployment, set: ReplicaSet): boolean {
  const requirements = requirementsOf(spec.selector) ?? [];
  return requirements.length > 0 && matchesLabels(requirements, set.metadata.labels);
}

async function reconcile(working: Working, key: string, signal: AbortSignal): Promise<Again | undefined> {
  const found = working.deployments.get(key);
  if (found === undefined) return undefined;
  const { deps, events } = working;
  const acting: Acting = { deps, events, signal };
  const selector = requirementsOf(found.spec.selector) ?? [];
  if (selector.length === 0) {
    const message = "This deployment is selecting all pods. A non-empty selector is required.";
    events.record(found, "Warning", "SelectingAll", message);
    return undefined;
  }
  const claim = {
    owner: found,
    ownerResource: deployments,
    resource: replicaSets,
    cache: working.sets,
    selector,
  };
  const sets = await claimObjects(deps.kube, claim, signal);
  try {
    return await sync(working, acting, found, sets);
  } catch (error) {
    if (isNamespaceTerminating(error)) return undefined;
    throw error;
  }
}

async function sync(
  working: Working,
  acting: Acting,
  found: Deployment,
  sets: readonly ReplicaSet[],
): Promise<Again | undefined> {
  if (found.metadata.deletionTimestamp !== undefined) {
    await syncNumbers(acting, await sortOut(acting, found, sets, false));
    return undefined;
  }
  const deployment = await tellPause(acting, found);
  if (deployment.spec.paused === true) {
    const sorted = await syncSize(acting, deployment, sets);
    await forgetOld(acting, sorted);
    return undefined;
  }
  const revision = rollbackTo(deployment);
  if (revision !== undefined) {
    await rollBack(acting, deployment, sets, revision);
    return undefined;
  }
  if (isScaled(deployment, sets)) {
    await syncSize(acting, deployment, sets);
    return undefined;
  }
  const isRecreate = deployment.spec.strategy?.type === "Recreate";
  return isRecreate
    ? await recreate(working, acting, deployment, sets)
    : await roll(acting, deployment, sets);
}

async function roll(
  acting: Acting,
  deployment: Deployment,
  sets: readonly ReplicaSet[],
): Promise<Again | undefined> {
  const sorted = await sortOut(acting, deployment, sets, true);
  if (sorted.newSet === undefined) return undefined;
  const steps = planRolling(sorted.deployment, sorted.newSet, sorted.oldSets);
  return await rolloutStatus(acting, await scale(acting, sorted, steps), steps.length > 0);
}

async function recreate(
  working: Working,
  acting: Acting,
  deployment: Deployment,
  sets: readonly ReplicaSet[],
): Promise<Again | undefined> {
  const sorted = await sortOut(acting, deployment, sets, false);
  const old = sorted.oldSets.filter((set) => sizeOf(set) > 0);
  if (old.length > 0) {
    const steps = old.map((set) => ({ set, replicas: 0 }));
    return await rolloutStatus(acting, await scale(acting, sorted, steps), true);
  }
  const stillRuns = ({ metadata }: ReplicaSet) =>
    [...working.pods.by(controllerIndex, metadata.uid ?? "")].some((pod) => !isFinished(pod));
  if (sorted.oldSets.some(stillRuns)) return await rolloutStatus(acting, sorted, true);
  const next = sorted.newSet === undefined ? await sortOut(acting, sorted.deployment, sets, true) : sorted;
  const replicas = next.deployment.spec.replicas ?? 1;
  const { newSet } = next;
  const isSmall = newSet !== undefined && sizeOf(newSet) !== replicas;
  const steps = isSmall ? [{ set: newSet, replicas }] : [];
  return await rolloutStatus(acting, await scale(acting, next, steps), isSmall);
}

/** A Deployment that only changed its size, or rests. */
async function syncSize(acting: Acting, deployment: Deployment, sets: readonly ReplicaSet[]): Promise<Sets> {
  const sorted = await sortOut(acting, deployment, sets, false);
  const steps = planScaling(sorted.deployment, sorted.newSet, sorted.oldSets);
  const scaled = await scale(acting, sorted, steps);
  await syncNumbers(acting, scaled);
  return scaled;
}

async function scale(acting: Acting, sets: Sets, steps: readonly Scaling[]): Promise<Sets> {
  const { deps, events, signal } = acting;
  const changed = new Map<ReplicaSet, ReplicaSet>();
  for (const { set, replicas } of steps) {
    const before = sizeOf(set);
    changed.set(set, await deps.kube.of(replicaSets).update(resized(sets.deployment, set, replicas), signal));
    if (before === replicas) continue;
    const direction = replicas > before ? "up" : "down";
    const message = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${replicas}`;
    events.record(sets.deployment, "Normal", "ScalingReplicaSet", message);
  }
  const newest = (set: ReplicaSet) => changed.get(set) ?? set;
  const { newSet, oldSets, ...rest } = sets;
  return { ...rest, ...(newSet && { newSet: newest(newSet) }), oldSets: oldSets.map(newest) };
}

async function rolloutStatus(acting: Acting, sets: Sets, isMoving: boolean): Promise<Again | undefined> {
  const { deployment, newSet, oldSets } = sets;
  const nowMs = acting.deps.timers.now();
  if (!isMoving && isComplete(deployment, deployment.status ?? {})) await forgetOld(acting, sets);
  const all = newSet === undefined ? oldSets : [...oldSets, newSet];
  const status = planRolloutStatus(deployment, newSet, all, nowMs);
  await writeStatus(acting, deployment, status);
  const afterMs = lateInMs(deployment, status, nowMs);
  return afterMs === undefined ? undefined : { afterMs };
}

async function syncNumbers(acting: Acting, { deployment, newSet, oldSets }: Sets): Promise<void> {
  const all = newSet === undefined ? oldSets : [...oldSets, newSet];
  await writeStatus(acting, deployment, planNumbers(deployment, newSet, all, acting.deps.timers.now()));
}

/** A pause stops the clock of the deadline; it starts anew when the Deployment goes on. */
async function tellPause(acting: Acting, deployment: Deployment): Promise<Deployment> {
  if (!hasDeadline(deployment)) return deployment;
  const reason = conditionOf(deployment.status, "Progressing")?.reason;
  if (reason === "ProgressDeadlineExceeded") return deployment;
  const isPaused = deployment.spec.paused === true;
  if (isPaused && reason !== "DeploymentPaused")
    return await tell(acting, deployment, "Unknown", "DeploymentPaused", "Deployment is paused");
  if (!isPaused && reason === "DeploymentPaused")
    return await tell(acting, deployment, "Unknown", "DeploymentResumed", "Deployment is resumed");
  return deployment;
}

async function forgetOld({ deps, signal }: Acting, { deployment, oldSets }: Sets): Promise<void> {
  for (const { metadata } of setsToForget(deployment, oldSets)) {
    const { namespace, name = "" } = metadata;
    await deps.kube.of(replicaSets).delete({ namespace, name }, {}, signal).catch(ignoreNotFound);
  }
}
