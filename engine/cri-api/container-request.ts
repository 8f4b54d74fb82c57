import { posix } from "node:path";
import {
  type ContainerConfig,
  containerConfig,
  type LinuxContainerSecurityContext,
  type Mount,
  mountPropagation,
  namespaceMode,
  type NamespaceOption,
  signal,
  supplementalGroupsPolicy,
} from "#api/cri/messages.ts";
import type { HostConfig, MountRequest } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import type { ContainerSpec } from "#engine/pods/pod-container.ts";
import type { SandboxRecord } from "#engine/pods/sandbox-record.ts";
import { limitsOf } from "./resources.ts";
import { securityOf } from "./security.ts";
import { nameOf, recordOf } from "./values.ts";

/** What CreateContainer asks for. @throws {Fault} `invalid` for what makes no sense */
export function containerSpec(config: ContainerConfig, sandbox: SandboxRecord): ContainerSpec {
  const { metadata, linux, envs = [], logPath = "", stdin = false, tty = false } = config;
  if (metadata === undefined) throw new Fault("invalid", "container config must include metadata");
  const context = linux?.securityContext ?? {};
  const { logDirectory } = sandbox.spec;
  const options = context.namespaceOptions ?? {};
  const isTarget = options.pid === namespaceMode.TARGET;
  return {
    pod: {
      name: metadata.name ?? "",
      attempt: metadata.attempt ?? 0,
      labels: recordOf(config.labels),
      annotations: recordOf(config.annotations),
      image: config.image?.image ?? "",
      userImage: config.image?.userSpecifiedImage ?? "",
      logPath: logPath === "" || logDirectory === "" ? "" : `${logDirectory.replace(/\/+$/, "")}/${logPath}`,
      mapped: (config.mounts ?? [])
        .filter(({ uidMappings = [] }) => uidMappings.length > 0 && sandbox.spec.idRange !== undefined)
        .map(({ containerPath = "" }) => posix.normalize(containerPath)),
      ...(isTarget && { targetId: options.targetId ?? "" }),
      shown: Buffer.from(containerConfig.encode(config)).toString("base64"),
    },
    command: config.command ?? [],
    args: config.args ?? [],
    env: envs.map(({ key = "", value }) => `${key}=${Buffer.from(value ?? []).toString()}`),
    workingDir: config.workingDir ?? "",
    user: userOf(context),
    isStrictAboutGroups: context.supplementalGroupsPolicy === supplementalGroupsPolicy.Strict,
    stopSignal: (config.stopSignal ?? 0) === 0 ? "" : signalName(config.stopSignal ?? 0),
    hasStdin: stdin,
    isStdinOnce: config.stdinOnce ?? false,
    hasTerminal: tty,
    pid: pidMode(options),
    hostConfig: {
      ...securityOf(context, sandbox.spec.idRange !== undefined),
      ...limitsOf(linux?.resources ?? {}),
      Mounts: mountsOf(config.mounts ?? []),
      Devices: devicesOf(config),
    },
  };
}

function signalName(value: number): string {
  const name = nameOf(signal, value).replace(/^SIGNAL_/, "");
  return name.replace("PLUS", "+").replace("MINUS", "-");
}

function pidMode({ pid = 0 }: NamespaceOption): ContainerSpec["pid"] {
  if (pid === namespaceMode.NODE) return "host";
  if (pid === namespaceMode.TARGET) return "target";
  return pid === namespaceMode.CONTAINER ? "container" : "pod";
}

/** @throws {Fault} `invalid` for a group without a user */
function userOf({ runAsUser, runAsGroup, runAsUsername = "" }: LinuxContainerSecurityContext): string {
  const user = runAsUser === undefined ? runAsUsername : String(runAsUser.value ?? 0);
  if (runAsGroup === undefined) return user;
  if (user === "") throw new Fault("invalid", "user group is specified without user"); // as the CRI demands
  return `${user}:${runAsGroup.value ?? 0}`;
}

/** The last one counts where several go to one place. */
function mountsOf(mounts: readonly Mount[]): readonly MountRequest[] {
  const byTarget = new Map(mounts.map((mount) => [mount.containerPath ?? "", mount]));
  return [...byTarget.values()].map(mountOf);
}

const propagations = {
  [mountPropagation.PROPAGATION_PRIVATE]: "rprivate",
  [mountPropagation.PROPAGATION_HOST_TO_CONTAINER]: "rslave",
  [mountPropagation.PROPAGATION_BIDIRECTIONAL]: "rshared",
} as Readonly<Record<number, string>>;

function mountOf(mount: Mount): MountRequest {
  const { containerPath = "", hostPath = "", readonly = false, image, imageSubPath = "" } = mount;
  if (image?.image !== undefined && image.image !== "") {
    const subpath = imageSubPath === "" ? {} : { ImageOptions: { Subpath: imageSubPath } };
    return { Type: "image", Source: image.image, Target: containerPath, ...subpath };
  }
  const isRecursive = mount.recursiveReadOnly ?? false;
  return {
    Type: "bind",
    Source: hostPath,
    Target: containerPath,
    ReadOnly: readonly,
    BindOptions: {
      Propagation: propagations[mount.propagation ?? 0] ?? "rprivate",
      CreateMountpoint: true,
      ...(isRecursive ? { ReadOnlyForceRecursive: true } : { ReadOnlyNonRecursive: true }),
    },
  } as MountRequest;
}

function devicesOf({ devices = [] }: ContainerConfig): HostConfig["Devices"] {
  return devices.map(({ hostPath = "", containerPath = "", permissions = "" }) => ({
    PathOnHost: hostPath,
    PathInContainer: containerPath || hostPath,
    CgroupPermissions: permissions || "rwm",
  }));
}
