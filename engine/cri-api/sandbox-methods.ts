import type { PodSandboxFilter } from "#api/cri/messages.ts";
import type { runtimeService } from "#api/cri/services.ts";
import { Fault } from "#base/fault.ts";
import type { SandboxRecord } from "#engine/pods/sandbox-record.ts";
import type { CriDeps } from "./cri-deps.ts";
import type { Answers } from "./methods.ts";
import { sandboxSpec } from "./sandbox-request.ts";
import { statusesOf } from "./container-methods.ts";
import { hasLabels, jsonValue } from "./values.ts";
import { configOfSandbox, sandboxStatus, sandboxView, stateOfSandbox } from "./views.ts";

type SandboxMethods =
  | "runPodSandbox"
  | "stopPodSandbox"
  | "removePodSandbox"
  | "podSandboxStatus"
  | "listPodSandbox"
  | "streamPodSandboxes"
  | "updatePodSandboxResources";

/** @see kubernetes/cri-api, runtime.v1 RuntimeService */
export function sandboxMethods(deps: CriDeps): Pick<Answers<typeof runtimeService>, SandboxMethods> {
  const { pods, hostName, handlers, now } = deps;
  return {
    runPodSandbox: async ({ config, runtimeHandler }, { signal }) => {
      if (config === undefined) throw new Fault("invalid", "sandbox config must be set");
      if (runtimeHandler !== "" && !handlers.includes(runtimeHandler))
        throw new Fault(
          "invalid",
          `failed to get sandbox runtime: no runtime for ${JSON.stringify(runtimeHandler)} is configured`,
        );
      const spec = sandboxSpec(config, runtimeHandler, hostName);
      return { podSandboxId: await pods.runSandbox(spec, signal) };
    },
    stopPodSandbox: async ({ podSandboxId }) => {
      await pods.stopSandbox(podSandboxId);
      return {};
    },
    removePodSandbox: async ({ podSandboxId }) => {
      await pods.removeSandbox(podSandboxId);
      return {};
    },
    podSandboxStatus: ({ podSandboxId, verbose }) => {
      const record = pods.sandboxes.get(podSandboxId);
      return {
        status: sandboxStatus(record),
        containersStatuses: statusesOf(deps, record.id),
        timestamp: now(),
        ...(verbose && { info: new Map([["info", JSON.stringify(infoOf(record), jsonValue)]]) }),
      };
    },
    listPodSandbox: ({ filter }) => ({ items: selected(deps, filter).map(sandboxView) }),
    streamPodSandboxes: ({ filter }, send) => send({ podSandboxes: selected(deps, filter).map(sandboxView) }),
    // The pod's own cgroup is the node agent's.
    updatePodSandboxResources: ({ podSandboxId }) => {
      pods.sandboxes.get(podSandboxId);
      return {};
    },
  };
}

function selected({ pods }: CriDeps, filter: PodSandboxFilter | undefined): readonly SandboxRecord[] {
  const { id = "", state, labelSelector } = filter ?? {};
  return pods.sandboxes
    .list()
    .filter(
      (record) =>
        record.id.startsWith(id) &&
        (state === undefined || stateOfSandbox(record) === (state.state ?? 0)) &&
        hasLabels(record.spec.labels, labelSelector),
    );
}

function infoOf(record: SandboxRecord): object {
  return {
    pid: record.pid,
    processStatus: record.state === "ready" ? "running" : "deleted",
    runtimeHandler: record.spec.runtimeHandler,
    network: record.endpoints,
    config: configOfSandbox(record),
  };
}
