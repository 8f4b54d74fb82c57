import { randomBytes } from "node:crypto";
import type { ContainerConfig, HostConfig } from "#api/docker/container.ts";
import { normalizeHostConfig } from "#api/docker/normalize.ts";
import { Fault } from "#base/fault.ts";
import { formatTime } from "#base/time.ts";
import { mergeImage } from "#engine/containers/create.ts";
import { type ContainerRecord, neverStarted, type PodPart } from "#engine/containers/record.ts";
import type { ImageRecord } from "#engine/images/images.ts";
import type { SandboxRecord } from "./sandbox-record.ts";

/** What makes a container of a pod. */
export interface ContainerSpec {
  readonly pod: Omit<PodPart, "sandboxId">;
  /** The image's where they are empty. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  /** `uid:gid` or a name; the image's where it is empty. */
  readonly user: string;
  /** Whether the groups that the image's files give its user are left out. */
  readonly isStrictAboutGroups: boolean;
  readonly stopSignal: string;
  readonly hasStdin: boolean;
  readonly isStdinOnce: boolean;
  readonly hasTerminal: boolean;
  /** `target`: those of another container of the pod. */
  readonly pid: "pod" | "container" | "host" | "target";
  /** Limits, capabilities, mounts and the like. */
  readonly hostConfig: Partial<HostConfig>;
}

interface PlanInput {
  readonly spec: ContainerSpec;
  readonly sandbox: SandboxRecord;
  readonly image: ImageRecord;
  /** In place of what the request says, with what the image's files have to do with it. */
  readonly groups: Pick<ContainerConfig, "User"> & Pick<HostConfig, "GroupAdd">;
  readonly isUnified: boolean;
  readonly runtime: string;
  readonly now: bigint;
}

/** The record of a container that is to be made. Pure but for its ID. @throws {Fault} `invalid` when there is no command */
export function planPodContainer(input: PlanInput): ContainerRecord {
  const { spec, sandbox, image, groups, now } = input;
  const id = randomBytes(32).toString("hex");
  const config = { ...configOf(spec, sandbox, image), User: groups.User };
  const args = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (args.length === 0) throw new Fault("invalid", "no command specified");
  const { idRange } = sandbox.spec;
  return {
    id,
    name: containerName(spec, sandbox),
    created: formatTime(now),
    imageId: image.id,
    manifest: image.manifest,
    config,
    hostConfig: { ...hostConfigOf(input), GroupAdd: groups.GroupAdd },
    endpointsConfig: {},
    mounts: [],
    ...(idRange !== undefined && { idRange }),
    state: neverStarted,
    restartCount: 0,
    isManuallyStopped: false,
    pod: { ...spec.pod, sandboxId: sandbox.id },
    args,
  };
}

/** By which a container of a pod is unique. */
function containerName({ pod }: ContainerSpec, { spec }: SandboxRecord): string {
  return `${pod.name}_${spec.name}_${spec.namespace}_${spec.uid}_${pod.attempt}`;
}

function configOf(spec: ContainerSpec, sandbox: SandboxRecord, image: ImageRecord): ContainerConfig {
  const merged = mergeImage(
    {
      Hostname: sandbox.spec.hostname,
      Domainname: "",
      User: spec.user,
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
      Tty: spec.hasTerminal,
      OpenStdin: spec.hasStdin,
      StdinOnce: spec.isStdinOnce,
      Env: spec.env,
      Cmd: spec.args.length === 0 ? null : spec.args,
      Image: spec.pod.image,
      Volumes: null,
      WorkingDir: spec.workingDir,
      Entrypoint: spec.command.length === 0 ? null : spec.command,
      OnBuild: null,
      Labels: {},
      ...(spec.stopSignal !== "" && { StopSignal: spec.stopSignal }),
    },
    image.config.config ?? {},
  );
  // Health is what the cluster asks for by probes of its own.
  const { Healthcheck: _, ...config } = merged;
  return config;
}

function hostConfigOf({ spec, sandbox, isUnified, runtime }: PlanInput): HostConfig {
  const { modes, cgroupParent, dns } = sandbox.spec;
  const isPrivileged = spec.hostConfig.Privileged ?? false;
  const ofPod = `container:${sandbox.id}`;
  return normalizeHostConfig(
    {
      ...spec.hostConfig,
      NetworkMode: modes.network === "host" ? "host" : ofPod,
      IpcMode: modes.ipc === "host" ? "host" : ofPod,
      UTSMode: modes.network === "host" ? "host" : "",
      PidMode: { pod: ofPod, container: "", host: "host", target: ofPod }[spec.pid],
      UsernsMode: "host",
      CgroupParent: cgroupParent,
      CgroupnsMode: isUnified && !isPrivileged ? "private" : "host",
      Dns: dns.servers,
      DnsSearch: dns.searches,
      DnsOptions: dns.options,
    } as Parameters<typeof normalizeHostConfig>[0],
    51,
    { cgroupnsMode: "host", runtime },
  );
}
