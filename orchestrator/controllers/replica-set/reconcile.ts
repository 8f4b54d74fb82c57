import type { KubeObject } from "#api/kube/meta.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { messageOf } from "#base/fault.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { pods } from "#client/kube/resources.ts";
import type { EventRecorder } from "#orchestrator/informers/event-recorder.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { type Again, runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { matchesLabels } from "#orchestrator/machinery/label-selector.ts";
import { claimObjects } from "../claim.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { Expectations } from "../expectations.ts";
import { byController, byOrphanage, controllerIndex, controllerOf, orphanIndex } from "../owner.ts";
import { createPods, deletePods, watchOwnedPods } from "../pods/expected-pods.ts";
import { podFromTemplate } from "../pods/pod-control.ts";
import { isActive, nextAvailableInMs } from "../pods/pod-facts.ts";
import {
  planReplicas,
  planStatus,
  type ReplicaFailure,
  type ReplicaStatus,
  type ReplicaStep,
} from "./plan.ts";
import { type ReplicaKind, replicaSetKind, replicationControllerKind } from "./replica-kind.ts";

interface Working<T extends KubeObject> {
  readonly deps: ControllerDeps;
  readonly kind: ReplicaKind<T>;
  readonly owners: IndexedCache<T>;
  readonly pods: IndexedCache<Pod>;
  readonly expectations: Expectations;
  readonly events: EventRecorder;
}

export const startReplicaSetController = (deps: ControllerDeps, signal: AbortSignal): Promise<void> =>
  start(deps, replicaSetKind, signal);

export const startReplicationController = (deps: ControllerDeps, signal: AbortSignal): Promise<void> =>
  start(deps, replicationControllerKind, signal);

async function start<T extends KubeObject>(
  deps: ControllerDeps,
  kind: ReplicaKind<T>,
  signal: AbortSignal,
): Promise<void> {
  const owners = deps.informers.of(kind.resource);
  const podInformer = deps.informers.of(pods);
  podInformer.cache.addIndex(controllerIndex, byController);
  podInformer.cache.addIndex(orphanIndex, byOrphanage);
  const expectations = new Expectations(() => deps.timers.now());
  const events = deps.events.recorder(kind.component);
  const working: Working<T> = {
    deps,
    kind,
    owners: owners.cache,
    pods: podInformer.cache,
    expectations,
    events,
  };
  const controller = {
    name: kind.component,
    reconcile: (key: string, signal: AbortSignal) => reconcile(working, key, signal),
  };
  const ready = Promise.all([owners.synced(signal), podInformer.synced(signal)]);
  const { queue, ended } = runController(deps, controller, signal, { ready });
  owners.handle({
    added: (owner) => queue.add(keyOf(owner)),
    updated: (owner) => queue.add(keyOf(owner)),
    deleted(owner) {
      expectations.forget(keyOf(owner));
      queue.add(keyOf(owner));
    },
  });
  const enqueueSelecting = (pod: Pod) => {
    for (const owner of owners.cache.inNamespace(pod.metadata.namespace))
      if (matchesLabels(kind.selectorOf(owner) ?? [], pod.metadata.labels)) queue.add(keyOf(owner));
  };
  watchOwnedPods(podInformer, kind.resource.kind, expectations, queue);
  podInformer.handle({
    added(pod) {
      if (controllerOf(pod) === undefined && pod.metadata.deletionTimestamp === undefined)
        enqueueSelecting(pod);
    },
    updated(pod, before) {
      if (controllerOf(pod) !== undefined) return;
      const isFreed = controllerOf(before) !== undefined;
      if (isFreed || !isSameJson(pod.metadata.labels, before.metadata.labels)) enqueueSelecting(pod);
    },
  });
  await ended;
}

async function reconcile<T extends KubeObject>(
  working: Working<T>,
  key: string,
  signal: AbortSignal,
): Promise<Again | undefined> {
  const { deps, kind, expectations } = working;
  const owner = working.owners.get(key);
  const selector = owner === undefined ? undefined : kind.selectorOf(owner);
  if (owner === undefined || selector === undefined) return undefined;
  const mayAct = expectations.areMet(key);
  const spec = kind.specOf(owner);
  const claim = { owner, ownerResource: kind.resource, resource: pods, cache: working.pods, selector };
  const own = await claimObjects(deps.kube, claim, signal);
  const active = own.filter(isActive);
  let failure: ReplicaFailure | undefined;
  let thrown: unknown;
  if (mayAct && owner.metadata.deletionTimestamp === undefined) {
    const step = planReplicas(spec, active, relatedPods(working, owner), deps.timers.now());
    thrown = step === undefined ? undefined : await act(working, owner, step, signal);
    const reason = step?.do === "create" ? "FailedCreate" : "FailedDelete";
    if (thrown !== undefined) failure = { reason, message: messageOf(thrown) };
  }
  const status = planStatus(spec, own, kind.statusOf(owner), failure, deps.timers.now());
  await writeStatus(working, owner, status, signal);
  if (thrown !== undefined) throw thrown;
  const inMs = nextAvailableInMs(active, spec.minReadySeconds, deps.timers.now());
  return inMs === undefined ? undefined : { afterMs: inMs };
}

/** The pods of all that the owner's owner manages: where they crowd a node, one goes first. */
function relatedPods<T extends KubeObject>({ owners, pods: cache }: Working<T>, owner: T): readonly Pod[] {
  const above = controllerOf(owner)?.uid;
  const siblings =
    above === undefined
      ? [owner]
      : [...owners.inNamespace(owner.metadata.namespace)].filter(
          (other) => controllerOf(other)?.uid === above,
        );
  return siblings.flatMap(({ metadata }) => [...cache.by(controllerIndex, metadata.uid ?? "")]);
}

/** @returns what went wrong */
async function act<T extends KubeObject>(
  working: Working<T>,
  owner: T,
  step: ReplicaStep,
  signal: AbortSignal,
): Promise<unknown> {
  const { deps, kind, expectations, events } = working;
  const control = { kube: deps.kube, events, expectations };
  if (step.do === "delete") return await deletePods(control, owner, step.pods, signal);
  const pod = podFromTemplate(kind.specOf(owner).template, kind.resource, owner);
  return await createPods(control, owner, step.count, () => pod, signal);
}

async function writeStatus<T extends KubeObject>(
  { deps, kind }: Working<T>,
  owner: T,
  planned: ReplicaStatus,
  signal: AbortSignal,
): Promise<void> {
  const { terminatingReplicas, ...rest } = planned;
  const { generation } = owner.metadata;
  const status = {
    ...rest,
    ...(kind.countsTerminating && { terminatingReplicas }),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  if (isSameJson(status, kind.statusOf(owner))) return;
  await deps.kube.of(kind.resource).updateStatus({ ...owner, status }, signal);
}
