import type { KubeObject } from "#api/kube/meta.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { PodDisruptionBudget } from "#api/kube/types/policy.ts";
import { keyOf, type KubeResource } from "#client/kube/kube-resource.ts";
import {
  deployments,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  statefulSets,
} from "#client/kube/resources.ts";
import { type Again, runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { selects } from "#orchestrator/machinery/label-selector.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { controllerOf } from "../owner.ts";
import { planBudget } from "./plan.ts";

interface Scaled extends KubeObject {
  readonly spec?: { readonly replicas?: number };
}

const scalable: Readonly<Record<string, KubeResource<Scaled>>> = {
  Deployment: deployments,
  ReplicaSet: replicaSets,
  ReplicationController: replicationControllers,
  StatefulSet: statefulSets,
};

/** Keeps in budgets how many of their pods may go. */
export async function startDisruptionController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const own = deps.informers.of(podDisruptionBudgets);
  const podInformer = deps.informers.of(pods);
  const owners = Object.values(scalable).map((resource) => deps.informers.of(resource));
  const controller = {
    name: "disruption-controller",
    async reconcile(key: string, signal: AbortSignal): Promise<Again | undefined> {
      const budget = own.cache.get(key);
      if (budget === undefined) return undefined;
      const selected = [...podInformer.cache.inNamespace(budget.metadata.namespace)].filter((pod) =>
        isConcerned(budget, pod),
      );
      const status = planBudget(budget, selected, scaleOf(deps, selected), deps.timers.now());
      if (!isSameJson(status, budget.status ?? {}))
        await deps.kube.of(podDisruptionBudgets).updateStatus({ ...budget, status }, signal);
      return status.disruptedPods === undefined ? undefined : { afterMs: 120_000 };
    },
  };
  const ready = Promise.all([own, podInformer, ...owners].map((informer) => informer.synced(signal)));
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const enqueue = (budget: PodDisruptionBudget) => queue.add(keyOf(budget));
  own.handle({ added: enqueue, updated: enqueue });
  const look = (pod: Pod) => {
    for (const budget of own.cache.inNamespace(pod.metadata.namespace))
      if (isConcerned(budget, pod)) enqueue(budget);
  };
  podInformer.handle({
    added: look,
    updated(pod, before) {
      look(pod);
      if (!isSameJson(pod.metadata.labels, before.metadata.labels)) look(before);
    },
    deleted: look,
  });
  const inNamespace = ({ metadata }: KubeObject) => {
    for (const budget of own.cache.inNamespace(metadata.namespace)) enqueue(budget);
  };
  for (const informer of owners)
    informer.handle({
      updated: (object, before) => object.spec?.replicas !== before.spec?.replicas && inNamespace(object),
    });
  await ended;
}

/** An empty selector selects all pods of the namespace. */
function isConcerned({ metadata, spec }: PodDisruptionBudget, pod: Pod): boolean {
  return metadata.namespace === pod.metadata.namespace && selects(spec?.selector, pod.metadata.labels);
}

/** The sum of what the controllers of the pods want; a pod without one counts for itself. */
function scaleOf({ informers }: ControllerDeps, selected: readonly Pod[]): number {
  const scales = new Map<string, number>();
  let alone = 0;
  for (const pod of selected) {
    const top = ownerOf(informers, pod);
    if (top === undefined) alone++;
    else scales.set(top.metadata.uid ?? "", top.spec?.replicas ?? 1);
  }
  return [...scales.values()].reduce((sum, scale) => sum + scale, alone);
}

function ownerOf(informers: ControllerDeps["informers"], object: KubeObject): Scaled | undefined {
  const owner = controllerOf(object);
  const resource = owner === undefined ? undefined : scalable[owner.kind];
  if (owner === undefined || resource === undefined) return undefined;
  const found = informers.of(resource).cache.get(`${object.metadata.namespace}/${owner.name}`);
  return found === undefined ? undefined : (ownerOf(informers, found) ?? found);
}
