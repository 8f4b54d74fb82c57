import { isStatus } from "#api/kube/status.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { keyOf, refOfKey } from "#client/kube/kube-resource.ts";
import { nodes, pods } from "#client/kube/resources.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { isFinished } from "../pods/pod-facts.ts";
import { nodeIndex, podsByNode } from "../pods/pods-by-node.ts";

/** A node that has gone may only have been renamed or be behind: so long its pods are left alone. */
const quarantineMs = 40_000;

/** Removes pods whose node has gone, and those that are being deleted and never had one. */
export async function startPodGarbageCollector(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const podInformer = deps.informers.of(pods);
  const nodeInformer = deps.informers.of(nodes);
  const cache = podsByNode(deps);
  const controller = {
    name: "pod-garbage-collector",
    async reconcile(key: string, signal: AbortSignal) {
      const pod = cache.get(key);
      const name = pod?.spec.nodeName ?? "";
      if (pod === undefined || nodeInformer.cache.get(name) !== undefined) return;
      if (name === "" && pod.metadata.deletionTimestamp === undefined) return;
      if (name !== "" && (await deps.kube.of(nodes).find({ name }, signal)) !== undefined) return;
      await remove(deps, pod, name !== "", signal);
    },
  };
  const ready = Promise.all([podInformer.synced(signal), nodeInformer.synced(signal)]);
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const look = (pod: Pod) => {
    const name = pod.spec.nodeName ?? "";
    if (name === "" && pod.metadata.deletionTimestamp !== undefined) queue.add(keyOf(pod));
    else if (name !== "" && nodeInformer.hasSynced && nodeInformer.cache.get(name) === undefined)
      queue.addAfter(keyOf(pod), quarantineMs);
  };
  podInformer.handle({ added: look, updated: look });
  nodeInformer.handle({
    deleted({ metadata }) {
      for (const pod of cache.by(nodeIndex, metadata.name ?? "")) queue.addAfter(keyOf(pod), quarantineMs);
    },
  });
  await ready.catch(() => {});
  for (const pod of cache.list()) look(pod);
  await ended;
}

async function remove(
  { kube, timers }: ControllerDeps,
  pod: Pod,
  isNodeGone: boolean,
  signal: AbortSignal,
): Promise<void> {
  const ref = refOfKey(keyOf(pod));
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "DeletionByPodGC",
    message: "PodGC: node no longer exists",
    lastTransitionTime: timeText(timers.now()),
  };
  try {
    if (!isFinished(pod)) {
      const status = { phase: "Failed", ...(isNodeGone && { conditions: [condition] }) };
      const options = { type: "strategic", subresource: "status" } as const;
      await kube.of(pods).patch(ref, { status }, options, signal);
    }
    const { uid } = pod.metadata;
    const preconditions = uid === undefined ? {} : { preconditions: { uid } };
    await kube.of(pods).delete(ref, { gracePeriodSeconds: 0, ...preconditions }, signal);
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
}
