import type { LinuxContainerResources } from "#api/cri/messages.ts";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import { containerLimits, type MachineSize } from "./resources.ts";
import { latestOf, type RuntimeContainer, type RuntimePod } from "./runtime-pod.ts";

export interface Resize {
  readonly container: Container;
  readonly running: RuntimeContainer;
  readonly limits: LinuxContainerResources;
  /** The container wants to be restarted for it. */
  readonly restarts: boolean;
}

/**
 * Which containers run with other limits than the pod says by now. Empty where the runtime does not say what is in force.
 *
 * @see Kubernetes enhancement 1287, in-place update of pod resources
 */
export function planResize(pod: Pod, runtime: RuntimePod, machine: MachineSize): readonly Resize[] {
  return [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])].flatMap((container) => {
    const running = latestOf(runtime, container.name);
    if (running?.state !== "running" || running.limits === undefined) return [];
    const limits = containerLimits(pod, container, machine);
    const { cpuShares, cpuQuota, memory } = running.limits;
    const cpu = limits.cpuShares !== cpuShares || limits.cpuQuota !== cpuQuota;
    const bytes = limits.memoryLimitInBytes !== memory;
    if (!cpu && !bytes) return [];
    const restarts = (container.resizePolicy ?? []).some(
      ({ resourceName, restartPolicy }) =>
        restartPolicy === "RestartContainer" && (resourceName === "cpu" ? cpu : bytes),
    );
    return [{ container, running, limits, restarts }];
  });
}
