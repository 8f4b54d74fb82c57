import { type ContainerFilter, containerConfig, type ContainerStatus } from "#api/cri/messages.ts";
import type { runtimeService } from "#api/cri/services.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { ContainerRecord } from "#engine/containers/record.ts";
import type { Digest } from "#oci/digest.ts";
import { containerSpec } from "./container-request.ts";
import type { CriDeps } from "./cri-deps.ts";
import type { Answers } from "./methods.ts";
import { limitsOf } from "./resources.ts";
import { hasLabels, jsonValue } from "./values.ts";
import { configOfContainer, containerStatus, containerView, stateOfContainer } from "./views.ts";

type ContainerMethods =
  | "createContainer"
  | "startContainer"
  | "stopContainer"
  | "removeContainer"
  | "listContainers"
  | "streamContainers"
  | "containerStatus"
  | "updateContainerResources"
  | "reopenContainerLog";

/** @see kubernetes/cri-api, runtime.v1 RuntimeService */
export function containerMethods(deps: CriDeps): Pick<Answers<typeof runtimeService>, ContainerMethods> {
  const { pods } = deps;
  return {
    createContainer: async ({ podSandboxId, config }, { signal }) => {
      if (config === undefined) throw new Fault("invalid", "container config must be set");
      const sandbox = pods.sandboxes.get(podSandboxId);
      const spec = containerSpec(config, sandbox);
      return { containerId: await pods.createContainer(sandbox.id, spec, signal) };
    },
    startContainer: async ({ containerId }, { signal }) => {
      await pods.startContainer(containerId, signal);
      return {};
    },
    stopContainer: async ({ containerId, timeout }) => {
      await pods.stopContainer(containerId, Math.max(0, timeout));
      return {};
    },
    removeContainer: async ({ containerId }) => {
      await pods.removeContainer(containerId);
      return {};
    },
    listContainers: ({ filter }) => ({
      containers: selectContainers(deps, filter).map((record) => view(deps, record)),
    }),
    streamContainers: ({ filter }, send) =>
      send({ containers: selectContainers(deps, filter).map((record) => view(deps, record)) }),
    containerStatus: ({ containerId, verbose }) => {
      const record = pods.getContainer(containerId);
      return {
        status: statusOf(deps, record),
        ...(verbose && { info: new Map([["info", JSON.stringify(infoOf(record), jsonValue)]]) }),
      };
    },
    updateContainerResources: async ({ containerId, linux }) => {
      await updateResources(deps, pods.getContainer(containerId), linux ?? {});
      return {};
    },
    reopenContainerLog: async ({ containerId }) => {
      const { id, state } = pods.getContainer(containerId);
      if (state.status !== "running") throw new Fault("conflict", "container is not running");
      await pods.containers.reopenLog(id);
      return {};
    },
  };
}

export function selectContainers(
  { pods }: CriDeps,
  filter: ContainerFilter | undefined,
): readonly ContainerRecord[] {
  const { id = "", podSandboxId = "", state, labelSelector } = filter ?? {};
  return pods.containers
    .list()
    .filter(
      (record) =>
        record.id.startsWith(id) &&
        (record.pod?.sandboxId ?? "").startsWith(podSandboxId) &&
        (state === undefined || stateOfContainer(record) === (state.state ?? 0)) &&
        hasLabels(record.pod?.labels ?? {}, labelSelector),
    );
}

function view({ images }: CriDeps, record: ContainerRecord) {
  return containerView(record, images.findById(record.imageId as Digest));
}

function statusOf({ images, pods }: CriDeps, record: ContainerRecord): ContainerStatus {
  return containerStatus(
    record,
    images.findById(record.imageId as Digest),
    pods.containers.userOf(record.id),
  );
}

/** Of all containers of a pod. */
export function statusesOf(deps: CriDeps, sandboxId: string): readonly ContainerStatus[] {
  return deps.pods.containersOf(sandboxId).map((record) => statusOf(deps, record));
}

async function updateResources(
  { pods }: CriDeps,
  record: ContainerRecord,
  linux: Parameters<typeof limitsOf>[0],
): Promise<void> {
  if (stateOfContainer(record) > 1)
    throw new Fault("conflict", `container ${JSON.stringify(record.id)} is in CONTAINER_EXITED state`);
  const { OomScoreAdj: _, ...limits } = limitsOf(linux);
  const asked = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== 0 && value !== ""));
  try {
    await pods.containers.update(record.id, asked, 51);
  } catch (error) {
    if (!isFault(error)) throw error;
    throw new Fault(error.kind, `failed to update resources: ${error.message}`, { cause: error });
  }
  const config = configOfContainer(record);
  const before = config.linux?.resources ?? {};
  const given = Object.entries(linux).filter(([, value]) => value !== 0 && value !== "");
  const resources = { ...before, ...Object.fromEntries(given) };
  const shown = containerConfig.encode({ ...config, linux: { ...config.linux, resources } });
  await pods.show(record.id, Buffer.from(shown).toString("base64"));
}

function infoOf(record: ContainerRecord): object {
  const { pod, state, hostConfig, config, args } = record;
  return {
    sandboxID: pod?.sandboxId,
    pid: state.pid,
    removing: state.status === "removing",
    snapshotKey: record.id,
    runtimeType: hostConfig.Runtime,
    args,
    user: config.User,
    config: configOfContainer(record),
  };
}
