import { ignoreNotFound, isStatus } from "#api/kube/status.ts";
import type { ControllerRevision, StatefulSet } from "#api/kube/types/apps.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { messageOf } from "#base/fault.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { persistentVolumeClaims, pods, statefulSets } from "#client/kube/resources.ts";
import type { EventRecorder } from "#orchestrator/informers/event-recorder.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { type Again, runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import { claimObjects } from "../claim.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { byController, byOrphanage, controllerIndex, controllerOf, orphanIndex } from "../owner.ts";
import { isNamespaceTerminating } from "../pods/pod-control.ts";
import { nextAvailableInMs } from "../pods/pod-facts.ts";
import { forgetRevisions, type Revisions, revisionsOf, syncRevisions, templateOf } from "../revisions.ts";
import { claimsOf, ordinalOf, podOf } from "./identity.ts";
import { isScaledAway, planSet, planStatus, revisionOf, type SetStep } from "./plan.ts";

interface Working {
  readonly deps: ControllerDeps;
  readonly sets: IndexedCache<StatefulSet>;
  readonly pods: IndexedCache<Pod>;
  readonly events: EventRecorder;
}

export async function startStatefulSetController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const own = deps.informers.of(statefulSets);
  const podInformer = deps.informers.of(pods);
  const claims = deps.informers.of(persistentVolumeClaims);
  podInformer.cache.addIndex(controllerIndex, byController);
  podInformer.cache.addIndex(orphanIndex, byOrphanage);
  const working: Working = {
    deps,
    sets: own.cache,
    pods: podInformer.cache,
    events: deps.events.recorder("statefulset-controller"),
  };
  const controller = {
    name: "statefulset-controller",
    reconcile: (key: string, signal: AbortSignal) => reconcile(working, key, signal),
  };
  const informers = [own, podInformer, claims, revisionsOf(deps)];
  const ready = Promise.all(informers.map((informer) => informer.synced(signal)));
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const enqueue = (set: StatefulSet) => queue.add(keyOf(set));
  own.handle({ added: enqueue, updated: enqueue, deleted: enqueue });
  const enqueueOwner = (pod: Pod) => {
    const owner = controllerOf(pod);
    if (owner?.kind === "StatefulSet") queue.add(`${pod.metadata.namespace}/${owner.name}`);
    if (owner !== undefined) return;
    for (const set of own.cache.inNamespace(pod.metadata.namespace))
      if (ordinalOf(set, pod) !== undefined) enqueue(set);
  };
  podInformer.handle({ added: enqueueOwner, updated: enqueueOwner, deleted: enqueueOwner });
  await ended;
}

async function reconcile(working: Working, key: string, signal: AbortSignal): Promise<Again | undefined> {
  const set = working.sets.get(key);
  if (set === undefined) return undefined;
  const { deps } = working;
  const selector = requirementsOf(set.spec.selector) ?? [];
  if (selector.length === 0) return undefined;
  const isWanted = (pod: Pod) => ordinalOf(set, pod) !== undefined;
  const claim = {
    owner: set,
    ownerResource: statefulSets,
    resource: pods,
    cache: working.pods,
    selector,
    isWanted,
  };
  const own = await claimObjects(deps.kube, claim, signal);
  const revisions = await syncRevisions(deps, statefulSets, set, set.status?.collisionCount, signal);
  const update = revisions.update.metadata.name ?? "";
  const known = revisions.all.find(({ metadata }) => metadata.name === set.status?.currentRevision);
  const current = known ?? revisions.update;
  const names = { current: current.metadata.name ?? "", update };
  const status = planStatus(set, own, names, deps.timers.now());
  if (!isSameJson(status, set.status ?? {})) {
    await deps.kube.of(statefulSets).updateStatus({ ...set, status }, signal);
  }
  try {
    for (const step of planSet(set, own, names, deps.timers.now()))
      await act(working, set, step, revisions, current, signal);
  } catch (error) {
    if (isNamespaceTerminating(error)) return undefined;
    throw error;
  }
  const used = new Set([names.current, update, ...own.map(revisionOf)]);
  const isUsed = ({ metadata }: ControllerRevision) => used.has(metadata.name ?? "");
  await forgetRevisions(deps, revisions.all, isUsed, set.spec.revisionHistoryLimit ?? 10, signal);
  const afterMs = nextAvailableInMs(own, set.spec.minReadySeconds ?? 0, deps.timers.now());
  return afterMs === undefined ? undefined : { afterMs };
}

async function act(
  { deps, events }: Working,
  set: StatefulSet,
  step: SetStep,
  revisions: Revisions,
  current: ControllerRevision,
  signal: AbortSignal,
): Promise<void> {
  const setName = set.metadata.name;
  const client = deps.kube.of(pods);
  if (step.do === "delete") {
    const { namespace, name = "", uid = "" } = step.pod.metadata;
    if (isScaledAway(set, step.pod)) await handClaimsOver(deps, set, step.pod, signal);
    try {
      await client.delete({ namespace, name }, { preconditions: { uid } }, signal);
    } catch (error) {
      if (isStatus(error, "NotFound")) return;
      throw error;
    }
    events.record(
      set,
      "Normal",
      "SuccessfulDelete",
      `delete Pod ${name} in StatefulSet ${setName} successful`,
    );
    return;
  }
  const revision = step.isUpdated ? revisions.update : current;
  const pod = podOf(set, templateOf(revision), revision.metadata.name ?? "", step.ordinal);
  const { name } = pod.metadata;
  await ensureClaims(deps, events, set, step.ordinal, name ?? "", signal);
  try {
    await client.create(pod, signal);
    events.record(
      set,
      "Normal",
      "SuccessfulCreate",
      `create Pod ${name} in StatefulSet ${setName} successful`,
    );
  } catch (error) {
    if (isStatus(error, "AlreadyExists") || signal.aborted) return; // the cache is behind
    const message = `create Pod ${name} in StatefulSet ${setName} failed error: ${messageOf(error)}`;
    if (!isNamespaceTerminating(error)) events.record(set, "Warning", "FailedCreate", message);
    throw error;
  }
}

/** Where claims are to go when the set shrinks, they go with the pod that had them. */
async function handClaimsOver(
  deps: ControllerDeps,
  set: StatefulSet,
  pod: Pod,
  signal: AbortSignal,
): Promise<void> {
  const ordinal = ordinalOf(set, pod);
  if (set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled !== "Delete" || ordinal === undefined) return;
  const { cache } = deps.informers.of(persistentVolumeClaims);
  const { name = "", uid = "" } = pod.metadata;
  const ownerReferences = [
    { apiVersion: "v1", kind: "Pod", name, uid, controller: true, blockOwnerDeletion: true },
  ];
  for (const claim of claimsOf(set, ordinal)) {
    if (cache.get(keyOf(claim)) === undefined) continue;
    const { namespace, name: claimName = "" } = claim.metadata;
    const patch = { metadata: { ownerReferences } };
    await deps.kube
      .of(persistentVolumeClaims)
      .patch({ namespace, name: claimName }, patch, { type: "merge" }, signal)
      .catch(ignoreNotFound);
  }
}

async function ensureClaims(
  deps: ControllerDeps,
  events: EventRecorder,
  set: StatefulSet,
  ordinal: number,
  podName: string,
  signal: AbortSignal,
): Promise<void> {
  const { cache } = deps.informers.of(persistentVolumeClaims);
  for (const claim of claimsOf(set, ordinal)) {
    if (cache.get(keyOf(claim)) !== undefined) continue;
    try {
      await deps.kube.of(persistentVolumeClaims).create(claim, signal);
      const message = `create Claim ${claim.metadata.name} Pod ${podName} in StatefulSet ${set.metadata.name} success`;
      events.record(set, "Normal", "SuccessfulCreate", message);
    } catch (error) {
      if (!isStatus(error, "AlreadyExists")) throw error;
    }
  }
}
