import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PodSandboxConfig } from "#api/cri/messages.ts";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import type { Secret, Service } from "#api/kube/types/core.ts";
import { messageOf } from "#base/fault.ts";
import { containerConfig } from "./container-config.ts";
import { mountsOf } from "./container-mounts.ts";
import { environmentOf } from "./environment.ts";
import type { FieldContext } from "./field-values.ts";
import { type ImageProblem, type ImagePuller, type PulledImage } from "./image-puller.ts";
import { runHook } from "./lifecycle-hook.ts";
import { type NodeDeps, tellPod } from "./node-deps.ts";
import { isHostNetwork, uidOf } from "./pod.ts";
import { latestOf, type RuntimePod } from "./runtime-pod.ts";
import { verifyNonRoot } from "./security-context.ts";
import type { MountedVolume, VolumeSources } from "./volumes/pod-volumes.ts";
import { mountSubPath } from "./volumes/sub-path.ts";

export interface StartDeps extends NodeDeps {
  readonly puller: ImagePuller;
  readonly sources: VolumeSources;
  readonly services: () => readonly Service[];
}

export interface StartRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly runtime: RuntimePod;
  readonly sandboxId: string;
  readonly sandbox: PodSandboxConfig;
  readonly podIps: readonly string[];
  readonly volumes: ReadonlyMap<string, MountedVolume>;
  readonly secrets: readonly Secret[];
  /** Of an ephemeral container: whose processes it is to see. */
  readonly targetId?: string;
}

/** Why a container did not start: what its status says while it waits. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Pulls, makes and starts a container, then runs its postStart hook. @throws {StartFailure} */
export async function startContainer(
  deps: StartDeps,
  request: StartRequest,
  signal: AbortSignal,
): Promise<void> {
  const { pod, container } = request;
  const tell = (type: "Normal" | "Warning", reason: string, message: string) =>
    tellPod(deps, pod, container.name, type, reason, message);
  const image = await pull(deps, request, tell, signal);
  const id = await create(deps, request, image, tell, signal);
  tell("Normal", "Created", `Container created`);
  try {
    await deps.cri.runtime.startContainer({ containerId: id }, signal);
  } catch (error) {
    signal.throwIfAborted();
    tell("Warning", "Failed", `Error: ${messageOf(error)}`);
    throw new StartFailure("RunContainerError", messageOf(error));
  }
  tell("Normal", "Started", `Container started`);
  if (container.lifecycle?.postStart !== undefined) await postStart(deps, request, id, tell, signal);
}

type Tell = (type: "Normal" | "Warning", reason: string, message: string) => void;

async function pull(
  deps: StartDeps,
  request: StartRequest,
  tell: Tell,
  signal: AbortSignal,
): Promise<PulledImage> {
  const { pod, container, sandbox, secrets } = request;
  const asked = { podUid: uidOf(pod), containerName: container.name, secrets, sandbox, tell };
  const ensure = async (image: string, policy?: string) =>
    await deps.puller.ensure({ ...asked, image, ...(policy === undefined ? {} : { policy }) }, signal);
  try {
    for (const volume of request.volumes.values()) {
      if (volume.kind !== "image") continue;
      await ensure(volume.reference, volume.pullPolicy);
    }
    return await ensure(container.image ?? "", container.imagePullPolicy);
  } catch (error) {
    signal.throwIfAborted();
    const { reason = "ErrImagePull" } = error as Partial<ImageProblem>;
    if (reason === "ImagePullBackOff") tell("Warning", "Failed", `Error: ${reason}`);
    throw new StartFailure(reason, messageOf(error));
  }
}

async function create(
  deps: StartDeps,
  request: StartRequest,
  image: PulledImage,
  tell: Tell,
  signal: AbortSignal,
): Promise<string> {
  const { pod, container, sandboxId, sandbox } = request;
  let config;
  try {
    config = await configOf(deps, request, image, signal);
  } catch (error) {
    signal.throwIfAborted();
    tell("Warning", "Failed", `Error: ${messageOf(error)}`);
    throw new StartFailure("CreateContainerConfigError", messageOf(error));
  }
  try {
    mkdirSync(join(sandbox.logDirectory ?? "", container.name), { recursive: true, mode: 0o755 });
    const answer = await deps.cri.runtime.createContainer(
      { podSandboxId: sandboxId, config, sandboxConfig: sandbox },
      signal,
    );
    return answer.containerId;
  } catch (error) {
    signal.throwIfAborted();
    tell("Warning", "Failed", `Error: ${messageOf(error)}`);
    deps.log.info("a container could not be made", {
      pod: uidOf(pod),
      container: container.name,
      reason: messageOf(error),
    });
    throw new StartFailure("CreateContainerError", messageOf(error));
  }
}

async function configOf(deps: StartDeps, request: StartRequest, image: PulledImage, signal: AbortSignal) {
  const { pod, container, runtime } = request;
  const base: FieldContext = deps.sources.context(pod);
  const context = { ...base, pod, podIps: request.podIps };
  const variables = await environmentOf({
    ...context,
    container,
    services: deps.services(),
    configMap: (name) => deps.sources.configMap(pod, name, signal),
    secret: (name) => deps.sources.secret(pod, name, signal),
  });
  const last = latestOf(runtime, container.name);
  const before = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
  ].find(({ name }) => name === container.name);
  const attempt =
    last === undefined ? (before?.containerID === undefined ? 0 : before.restartCount + 1) : last.attempt + 1;
  const mounts = mountsOf({
    container,
    volumes: request.volumes,
    variables,
    ...(request.podIps.length > 0 || isHostNetwork(pod)
      ? { hostsFile: deps.folders.hostsFile(uidOf(pod)) }
      : {}),
    terminationLog: makeTerminationLog(deps, pod, container),
    subPath: (volumePath, subPath, index) => {
      const target = deps.folders.subPath(
        uidOf(pod),
        container.volumeMounts?.[index]?.name ?? "",
        container.name,
        index,
      );
      mountSubPath(volumePath, subPath, target, 0o750);
      return target;
    },
  });
  const input = {
    pod,
    container,
    image: image.user,
    volumeGroups: [],
    seccompRoot: deps.folders.seccomp,
    attempt,
    variables,
    mounts,
    imageRef: image.ref,
    machine: deps.machine,
    ...(request.targetId === undefined ? {} : { targetId: request.targetId }),
  };
  verifyNonRoot(input);
  return containerConfig(input);
}

/** Each run of a container gets a file of its own: what an earlier one said is not its own last word. */
function makeTerminationLog(deps: StartDeps, pod: Pod, container: Container): string {
  const folder = deps.folders.container(uidOf(pod), container.name);
  mkdirSync(folder, { recursive: true, mode: 0o750 });
  const file = join(folder, randomBytes(4).toString("hex"));
  writeFileSync(file, "");
  chmodSync(file, 0o666); // whoever the container runs as
  return file;
}

async function postStart(
  deps: StartDeps,
  { pod, container, podIps }: StartRequest,
  containerId: string,
  tell: Tell,
  signal: AbortSignal,
): Promise<void> {
  const hook = container.lifecycle?.postStart;
  if (hook === undefined) return;
  const podIp = podIps[0] ?? "";
  try {
    await runHook({ cri: deps.cri, timers: deps.timers, container, containerId, podIp }, hook, signal);
  } catch (error) {
    signal.throwIfAborted();
    deps.log.info("a postStart hook failed", {
      pod: uidOf(pod),
      container: container.name,
      reason: messageOf(error),
    });
    tell("Warning", "FailedPostStartHook", "PostStartHook failed");
    await deps.cri.runtime.stopContainer(
      { containerId, timeout: pod.spec?.terminationGracePeriodSeconds ?? 30 },
      signal,
    );
    tell("Normal", "Killing", "FailedPostStartHook");
    throw new StartFailure("PostStartHookError", messageOf(error));
  }
}
