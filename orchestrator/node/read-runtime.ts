import {
  containerState,
  type ContainerStatus,
  namespaceMode,
  podSandboxState,
  type PodSandboxStatus,
} from "#api/cri/messages.ts";
import type { CriClient } from "#rpc/cri-client.ts";
import { annotationOf, labelOf } from "./labels.ts";
import type { RuntimeContainer, RuntimePod, RuntimeSandbox } from "./runtime-pod.ts";
import { unlessGone } from "./unless-gone.ts";

const states = {
  [containerState.CONTAINER_CREATED]: "created",
  [containerState.CONTAINER_RUNNING]: "running",
  [containerState.CONTAINER_EXITED]: "exited",
} as const;

/** Reads what the runtime has of pods. What has ended is asked for once: it does not change any more. */
export class RuntimeReader {
  readonly #cri: CriClient;
  readonly #exited = new Map<string, RuntimeContainer>();

  constructor(cri: CriClient) {
    this.#cri = cri;
  }

  async pod(uid: string, name: string, namespace: string, signal: AbortSignal): Promise<RuntimePod> {
    const labelSelector = new Map([[labelOf.podUid, uid]]);
    const [{ items }, { containers }] = await Promise.all([
      this.#cri.runtime.listPodSandbox({ filter: { labelSelector } }, signal),
      this.#cri.runtime.listContainers({ filter: { labelSelector } }, signal),
    ]);
    const [sandboxes, found] = await Promise.all([
      Promise.all(items.map(({ id = "" }) => this.#sandbox(id, signal))),
      Promise.all(
        containers.map(({ id = "", podSandboxId = "" }) => this.#container(id, podSandboxId, signal)),
      ),
    ]);
    return {
      uid,
      name,
      namespace,
      sandboxes: sandboxes.filter((each) => each !== undefined).toSorted(newestFirst),
      containers: found.filter((each) => each !== undefined).toSorted(newestFirst),
    };
  }

  /** A container was removed: nothing of it need be kept. */
  forget(containerId: string): void {
    this.#exited.delete(containerId);
  }

  async #sandbox(id: string, signal: AbortSignal): Promise<RuntimeSandbox | undefined> {
    const answer = await unlessGone(this.#cri.runtime.podSandboxStatus({ podSandboxId: id }, signal));
    return answer?.status === undefined ? undefined : sandboxOf(answer.status);
  }

  async #container(
    id: string,
    sandboxId: string,
    signal: AbortSignal,
  ): Promise<RuntimeContainer | undefined> {
    const known = this.#exited.get(id);
    if (known !== undefined) return known;
    const answer = await unlessGone(this.#cri.runtime.containerStatus({ containerId: id }, signal));
    if (answer?.status === undefined) return undefined;
    const container = containerOf(answer.status, sandboxId);
    if (container.state === "exited") this.#exited.set(id, container);
    return container;
  }
}

function newestFirst(
  one: { readonly createdAt: bigint; readonly attempt: number },
  other: { readonly createdAt: bigint; readonly attempt: number },
): number {
  if (one.createdAt !== other.createdAt) return one.createdAt > other.createdAt ? -1 : 1;
  return other.attempt - one.attempt;
}

export function sandboxOf(status: Partial<PodSandboxStatus>): RuntimeSandbox {
  const { ip = "", additionalIps = [] } = status.network ?? {};
  return {
    id: status.id ?? "",
    attempt: status.metadata?.attempt ?? 0,
    isReady: (status.state ?? 0) === podSandboxState.SANDBOX_READY,
    createdAt: status.createdAt ?? 0n,
    isHostNetwork: status.linux?.namespaces?.options?.network === namespaceMode.NODE,
    ips: ip === "" ? [] : [ip, ...additionalIps.map((additional) => additional.ip ?? "")],
  };
}

export function containerOf(status: Partial<ContainerStatus>, sandboxId: string): RuntimeContainer {
  const annotations = Object.fromEntries(status.annotations ?? []);
  const labels = Object.fromEntries(status.labels ?? []);
  const user = status.user?.linux;
  return {
    id: status.id ?? "",
    name: labels[labelOf.containerName] ?? status.metadata?.name ?? "",
    sandboxId,
    attempt: status.metadata?.attempt ?? 0,
    state: states[(status.state ?? 0) as keyof typeof states] ?? "unknown",
    createdAt: status.createdAt ?? 0n,
    startedAt: status.startedAt ?? 0n,
    finishedAt: status.finishedAt ?? 0n,
    exitCode: status.exitCode ?? 0,
    reason: status.reason ?? "",
    message: status.message ?? "",
    image: status.image?.image ?? "",
    imageRef: status.imageRef ?? "",
    hash: annotations[annotationOf.hash] ?? "",
    logPath: status.logPath ?? "",
    labels,
    annotations,
    ...terminationLogOf(status, annotations),
    ...limitsOf(status),
    ...(user === undefined
      ? {}
      : {
          user: { uid: user.uid ?? 0, gid: user.gid ?? 0, supplementalGroups: user.supplementalGroups ?? [] },
        }),
  };
}

/** Where the file is that the container may write its last words to. */
function terminationLogOf(
  { mounts = [] }: Partial<ContainerStatus>,
  annotations: Readonly<Record<string, string>>,
): Pick<RuntimeContainer, "terminationLog"> {
  const path = annotations[annotationOf.terminationMessagePath];
  const found = mounts.find(({ containerPath }) => containerPath === path)?.hostPath;
  return found === undefined ? {} : { terminationLog: found };
}

/** Absent where the runtime does not say. */
function limitsOf({ resources }: Partial<ContainerStatus>): Pick<RuntimeContainer, "limits"> {
  const linux = resources?.linux;
  if (linux === undefined || (linux.cpuShares ?? 0) === 0) return {};
  const { cpuShares = 0, cpuQuota = 0, memoryLimitInBytes = 0 } = linux;
  return { limits: { cpuShares, cpuQuota: Math.max(0, cpuQuota), memory: memoryLimitInBytes } };
}
