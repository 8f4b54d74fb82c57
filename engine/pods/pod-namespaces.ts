import { Fault } from "#base/fault.ts";
import type { PodNamespaces } from "#engine/containers/context.ts";
import type { ContainerRegistry } from "#engine/containers/registry.ts";
import type { Sandboxes } from "./sandboxes.ts";

/** What containers have of their pod's namespaces, at the moment of their start. */
export function namespacesOf(sandboxes: Sandboxes, registry: ContainerRegistry): PodNamespaces {
  return {
    joinedBy: ({ pod, hostConfig }) => {
      const { spec, pid, initPid } = sandboxes.getReady(pod?.sandboxId ?? "");
      const of = (kind: string) => `/proc/${pid}/ns/${kind}`;
      const target = pod?.targetId === undefined ? undefined : registry.find(pod.targetId);
      if (pod?.targetId !== undefined && (target === undefined || target.state.pid === 0))
        throw new Fault("conflict", `target container ${JSON.stringify(pod.targetId)} is not running`);
      const pidOf = target?.state.pid ?? (hostConfig.PidMode.startsWith("container:") ? initPid : 0);
      return {
        ...(spec.modes.network === "pod" && { network: of("net"), uts: of("uts") }),
        ...(spec.modes.ipc === "pod" && { ipc: of("ipc") }),
        ...(pidOf > 0 && { pid: `/proc/${pidOf}/ns/pid` }),
      };
    },
    usersOf: ({ pod, idRange }) => {
      if (idRange === undefined) return undefined;
      const { pid } = sandboxes.getReady(pod?.sandboxId ?? "");
      return { range: idRange, source: `/proc/${pid}/ns/user` };
    },
  };
}
