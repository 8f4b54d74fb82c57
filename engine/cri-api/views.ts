import {
  type Container,
  containerConfig,
  type ContainerConfig,
  containerState,
  type ContainerStatus,
  type PodSandbox,
  podSandboxConfig,
  type PodSandboxConfig,
  podSandboxState,
  type PodSandboxStatus,
} from "#api/cri/messages.ts";
import { parseTime } from "#base/time.ts";
import { type ContainerRecord, zeroTime } from "#engine/containers/record.ts";
import type { ImageRecord } from "#engine/images/images.ts";
import type { ProcessSpec } from "#engine/runtime/runtime-spec.ts";
import type { SandboxRecord } from "#engine/pods/sandbox-record.ts";
import { mapOf } from "./values.ts";
import { fullName } from "./image-names.ts";

/** The request that made the sandbox. */
export function configOfSandbox({ spec }: SandboxRecord): PodSandboxConfig {
  return podSandboxConfig.decode(Buffer.from(spec.shown, "base64"));
}

/** The request that made the container. */
export function configOfContainer({ pod }: ContainerRecord): ContainerConfig {
  return containerConfig.decode(Buffer.from(pod?.shown ?? "", "base64"));
}

export function sandboxView(record: SandboxRecord): PodSandbox {
  const { id, spec, createdAt } = record;
  const { name, uid, namespace, attempt } = spec;
  return {
    id,
    metadata: { name, uid, namespace, attempt },
    state: stateOfSandbox(record),
    createdAt: BigInt(createdAt),
    labels: mapOf(spec.labels),
    annotations: mapOf(spec.annotations),
    runtimeHandler: spec.runtimeHandler,
  };
}

export function stateOfSandbox({ state }: SandboxRecord): number {
  return state === "ready" ? podSandboxState.SANDBOX_READY : podSandboxState.SANDBOX_NOTREADY;
}

/** Pods in the host's network have no address of theirs: what they have is the host's. */
export function sandboxStatus(record: SandboxRecord): PodSandboxStatus {
  const [ip = "", ...others] = record.endpoints
    .flatMap(({ address, address6 = "" }) => [address, address6])
    .filter((address) => address !== "");
  const options = configOfSandbox(record).linux?.securityContext?.namespaceOptions ?? {};
  return {
    ...sandboxView(record),
    network: { ip, additionalIps: others.map((address) => ({ ip: address })) },
    linux: { namespaces: { options } },
  };
}

export function containerView(record: ContainerRecord, image: ImageRecord | undefined): Container {
  const { id, pod, created, imageId } = record;
  return {
    id,
    podSandboxId: pod?.sandboxId ?? "",
    metadata: { name: pod?.name ?? "", attempt: pod?.attempt ?? 0 },
    image: { image: pod?.image ?? "", userSpecifiedImage: pod?.userImage ?? "" },
    imageRef: imageId,
    imageId: image?.id ?? imageId,
    state: stateOfContainer(record),
    createdAt: parseTime(created),
    labels: mapOf(pod?.labels ?? {}),
    annotations: mapOf(pod?.annotations ?? {}),
  };
}

/** One that could not be started has ended: containers of pods start once. */
export function stateOfContainer({ state }: ContainerRecord): number {
  if (state.status === "running" || state.status === "paused") return containerState.CONTAINER_RUNNING;
  if (state.status === "created" && state.error === "") return containerState.CONTAINER_CREATED;
  return containerState.CONTAINER_EXITED;
}

export function containerStatus(
  record: ContainerRecord,
  image: ImageRecord | undefined,
  user: ProcessSpec["user"] | undefined,
): ContainerStatus {
  const { id, metadata, imageId, labels, annotations, createdAt } = containerView(record, image);
  const config = configOfContainer(record);
  const { state } = record;
  const time = (text: string) => (text === zeroTime ? 0n : parseTime(text));
  const startedAt = time(state.startedAt);
  const status = stateOfContainer(record);
  const hasFailed = status === containerState.CONTAINER_EXITED && state.startedAt === zeroTime;
  const hasEnded = status === containerState.CONTAINER_EXITED;
  return {
    id: id ?? "",
    metadata,
    state: status,
    createdAt: createdAt ?? 0n,
    startedAt,
    finishedAt: !hasEnded ? 0n : hasFailed ? (createdAt ?? 0n) : later(time(state.finishedAt), startedAt),
    exitCode: hasEnded ? state.exitCode : 0,
    image: {
      image: image?.repoTags[0] === undefined ? (record.pod?.image ?? "") : fullName(image.repoTags[0]),
    },
    imageRef: image?.repoDigests[0] === undefined ? (imageId ?? "") : fullName(image.repoDigests[0]),
    imageId: imageId ?? "",
    ...(hasEnded && { reason: reasonOf(record, hasFailed), message: state.error }),
    labels: labels ?? new Map<string, string>(),
    annotations: annotations ?? new Map<string, string>(),
    mounts: config.mounts ?? [],
    logPath: record.pod?.logPath ?? "",
    resources: { linux: config.linux?.resources },
    ...(user !== undefined && {
      user: { linux: { uid: user.uid, gid: user.gid, supplementalGroups: user.additionalGids } },
    }),
    stopSignal: config.stopSignal ?? 0,
  };
}

/** One that ended at once has done so before the engine was told of its start. */
function later(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

function reasonOf({ state }: ContainerRecord, hasFailed: boolean): string {
  if (hasFailed) return "StartError";
  if (state.oomKilled) return "OOMKilled";
  return state.exitCode === 0 ? "Completed" : "Error";
}
