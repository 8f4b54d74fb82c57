import type { Pod } from "#api/kube/types/core-pods.ts";
import { Fault } from "#base/fault.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import { runtimeClasses } from "#client/kube/resources.ts";

/**
 * What the runtime calls the way in which the pod's class has it run; empty for a pod without a class: the runtime's usual way.
 *
 * @throws {Fault} `precondition` when there is no such class
 */
export async function runtimeHandlerOf(kube: KubeClient, pod: Pod, signal: AbortSignal): Promise<string> {
  const name = pod.spec?.runtimeClassName ?? "";
  if (name === "") return "";
  const found = await kube.of(runtimeClasses).find({ name }, signal);
  if (found === undefined) throw new Fault("precondition", `runtimeclass.node.k8s.io "${name}" not found`);
  return found.handler;
}
