import type { HostConfig } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import type { HostFacts } from "#host/facts.ts";
import { type SeccompOptions, seccompProgram } from "#oci/seccomp/program.ts";
import { runtimeFilter } from "#oci/seccomp/runtime-filter.ts";
import { planAppArmor } from "./apparmor.ts";
import { planCapabilities } from "./capabilities.ts";
import { initDestination, planMounts, rootPropagation } from "./default-mounts.ts";
import type { DeviceNode } from "./host-devices.ts";
import { maskedPaths, readonlyPaths } from "./default-paths.ts";
import { planEnvironment } from "./environment.ts";
import { planResources } from "./plan-resources.ts";
import { planRlimits } from "./rlimits.ts";
import type { ProcessSpec, ResolvedUser, RuntimeSpec, SpecInput } from "./runtime-spec.ts";
import type { Dialect } from "./runtimes.ts";
import { parseSecurityOptions, type SecurityOptions } from "./security-options.ts";
import { planSysctls } from "./sysctls.ts";

/** Annotations by which the runtime itself is steered. They are the engine's alone. */
const reservedAnnotations = "run.oci.";

interface Planned<T> {
  readonly value: T;
  readonly warnings: readonly string[];
}

/**
 * Plans the whole OCI config of a container. Pure: it looks at nothing but its input.
 *
 * @throws {Fault} `invalid` with Docker's texts for what cannot be
 * @see OCI runtime-spec v1.2, config.md and config-linux.md
 */
export function planSpec(input: SpecInput): {
  readonly spec: RuntimeSpec;
  readonly warnings: readonly string[];
} {
  const { hostConfig, rootPath } = input;
  const security = parseSecurityOptions(hostConfig.SecurityOpt ?? []);
  const process = planProcess(input, security);
  const seccomp = planSeccomp(input, security, process.value);
  const annotations = planAnnotations(hostConfig.Annotations ?? {}, seccomp.value?.bpfBase64);
  const spec: RuntimeSpec = {
    ociVersion: "1.0.2",
    process: process.value,
    root: { path: rootPath, readonly: hostConfig.ReadonlyRootfs },
    ...planNames(input),
    mounts: mountsFor(
      input.dialect,
      planMounts({
        hostConfig,
        mounts: input.mounts,
        etc: input.etc,
        shm: input.joined.shm,
        initPath: wantsInit(hostConfig) ? input.initPath : undefined,
        layout: input.host.cgroup,
        cgroupPath: input.cgroupPath,
        cgroupHostBase: input.cgroupHostBase,
        mapOption: mapOptionOf(input),
        boundDevices: input.idRange === undefined ? [] : input.devices.nodes,
        hasWritableCgroups: security.hasWritableCgroups ?? hostConfig.Privileged,
      }),
    ),
    annotations: annotations.value,
    linux: { ...planLinux(input, security), ...linuxSeccompOf(seccomp.value) },
  };
  return { spec, warnings: [...process.warnings, ...seccomp.warnings, ...annotations.warnings] };
}

/** To runsc a mount is read-only with all that is below it, and `rro` a word that it does not know. */
function mountsFor(dialect: Dialect | undefined, mounts: RuntimeSpec["mounts"]): RuntimeSpec["mounts"] {
  if (dialect !== "runsc") return mounts;
  return mounts.map((mount) => ({
    ...mount,
    options: mount.options.map((option) => (option === "rro" ? "ro" : option)),
  }));
}

function planProcess(input: SpecInput, security: SecurityOptions): Planned<ProcessSpec> {
  const { config, hostConfig, user, host, args } = input;
  const capabilities = planCapabilities(hostConfig, host);
  const limits = planRlimits(hostConfig.Ulimits ?? [], host);
  const oom = planOomScore(hostConfig.OomScoreAdj, host);
  const apparmor = planAppArmor(security.apparmor, hostConfig, host);
  const process: ProcessSpec = {
    terminal: config.Tty,
    ...consoleSizeOf(config.Tty, hostConfig.ConsoleSize),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: wantsInit(hostConfig) ? [initDestination, "--", ...args] : args,
    env: planEnvironment({
      hostname: config.Hostname,
      isTerminal: config.Tty,
      home: user.home,
      variables: config.Env,
    }),
    cwd: config.WorkingDir === "" ? "/" : config.WorkingDir,
    capabilities: capabilitySets(capabilities.capabilities, user),
    rlimits: limits.rlimits,
    noNewPrivileges: security.noNewPrivileges,
    oomScoreAdj: oom.value,
    ...(apparmor.value === undefined ? {} : { apparmorProfile: apparmor.value }),
  };
  const stages = [capabilities, limits, oom, apparmor];
  return { value: process, warnings: stages.flatMap((stage) => stage.warnings) };
}

/** Who is not root has no capabilities from the start, as after any execve; the bounding set is for set-user-ID programs. */
export function capabilitySets(
  names: readonly string[],
  { uid }: Pick<ResolvedUser, "uid">,
): NonNullable<ProcessSpec["capabilities"]> {
  const held = uid === 0 ? names : [];
  return { bounding: names, permitted: held, effective: held, inheritable: [], ambient: [] };
}

/** `size` is height and width, as the API has it. */
export function consoleSizeOf(
  isTerminal: boolean,
  size: readonly [number, number] | null | undefined,
): Pick<ProcessSpec, "consoleSize"> {
  const [height, width] = size ?? [0, 0];
  return isTerminal && height > 0 && width > 0 ? { consoleSize: { height, width } } : {};
}

/** An init makes no sense where pid 1 is somebody else. */
function wantsInit({ Init, PidMode }: HostConfig): boolean {
  return Init === true && PidMode === "";
}

function planOomScore(
  asked: number,
  host: Pick<HostFacts, "canRaiseLimits" | "oomScoreAdj">,
): Planned<number> {
  if (host.canRaiseLimits || asked >= host.oomScoreAdj) return { value: asked, warnings: [] };
  const warning = `The OOM score adjustment was raised to ${host.oomScoreAdj}: the daemon may not set a lower one.`;
  return { value: host.oomScoreAdj, warnings: asked === 0 ? [] : [warning] };
}

function planSeccomp(
  { hostConfig: { Privileged }, host, dialect = "crun", allowsSocketcall = true }: SpecInput,
  { seccomp }: SecurityOptions,
  process: ProcessSpec,
): Planned<SeccompFilter | undefined> {
  const profile = seccomp ?? { kind: Privileged ? "unconfined" : "default" };
  if (profile.kind === "unconfined") return { value: undefined, warnings: [] };
  if (!host.hasSeccomp) {
    const text = "seccomp is not enabled in your kernel";
    if (profile.kind === "custom") throw new Fault("invalid", `${text}, cannot run a custom seccomp profile`);
    return { value: undefined, warnings: [`${text}, running container without default profile`] };
  }
  const options: SeccompOptions = {
    profile: profile.kind === "custom" ? { json: profile.json } : allowsSocketcall ? "default" : "strict",
    capabilities: process.capabilities?.bounding ?? [],
    architecture: host.architecture,
    kernel: host.kernel,
  };
  if (dialect === "crun") return { value: seccompProgram(options), warnings: [] };
  const linuxSeccomp = runtimeFilter(options);
  return { value: linuxSeccomp && { linuxSeccomp }, warnings: [] };
}

/** A compiled program for crun, with what it cannot take from one: flags, and who listens. For others the whole filter. */
interface SeccompFilter {
  readonly bpfBase64?: string;
  readonly linuxSeccomp?: object;
}

function linuxSeccompOf(program: SeccompFilter | undefined) {
  return program?.linuxSeccomp === undefined ? {} : { seccomp: program.linuxSeccomp };
}

function planAnnotations(
  asked: Readonly<Record<string, string>>,
  seccomp: string | undefined,
): Planned<Readonly<Record<string, string>>> {
  const isReserved = (name: string) => name.startsWith(reservedAnnotations);
  const entries = Object.entries(asked);
  const kept = entries.filter(([name]) => !isReserved(name));
  const dropped = entries.filter(([name]) => isReserved(name));
  return {
    value: {
      ...Object.fromEntries(kept),
      ...(seccomp === undefined ? {} : { "run.oci.seccomp_bpf_data": seccomp }),
    },
    warnings: dropped.map(([name]) => `Annotation ${name} is reserved and was dropped.`),
  };
}

function nodeOf({ access: _access, hostPath: _path, ...node }: DeviceNode) {
  return node;
}

/** How the runtime is told to map a volume: by the container's namespace, which it does not find when the pids are another's. */
function mapOptionOf({ idRange, joined }: SpecInput): string | undefined {
  if (idRange === undefined || joined.pid === undefined) return idRange && "idmap";
  const ids = `0-${idRange.base}-${idRange.size}`;
  return `idmap=uids=${ids};gids=${ids}`;
}

function planNames({ config, hostConfig, joined }: SpecInput): Pick<RuntimeSpec, "hostname" | "domainname"> {
  if (hostConfig.UTSMode === "host" || joined.uts !== undefined) return {};
  return {
    ...(config.Hostname === "" ? {} : { hostname: config.Hostname }),
    ...(config.Domainname === "" ? {} : { domainname: config.Domainname }),
  };
}

function planLinux(input: SpecInput, security: SecurityOptions): RuntimeSpec["linux"] {
  const { host, hostConfig, devices, cgroupPath } = input;
  const propagation = rootPropagation(input.mounts);
  return {
    namespaces: planNamespaces(input),
    // Nodes cannot be made in a user namespace: there the host's are bound.
    devices: input.idRange === undefined ? devices.nodes.map(nodeOf) : [],
    ...planPaths(hostConfig, security, host),
    sysctl: planAllSysctls(input),
    cgroupsPath: cgroupPath,
    ...resourcesOf(input),
    ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
  };
}

/** Where the engine writes the limits itself the runtime must not; runc sets rules for devices whether it is told any or not. */
function resourcesOf({ hostConfig, host, devices, dialect }: SpecInput): { readonly resources?: object } {
  if (host.cgroup.kind === "v2") return { resources: planResources(hostConfig, devices) };
  return dialect === "runc" ? { resources: { devices: planResources(hostConfig, devices).devices } } : {};
}

function planNamespaces({ hostConfig, network, joined, host, idRange }: SpecInput) {
  const { PidMode, IpcMode, UTSMode } = hostConfig;
  const namespaces: { readonly type: string; readonly path?: string }[] = [{ type: "mount" }];
  if (idRange !== undefined) namespaces.push({ type: "user", path: "/proc/self/fd/12" });
  const add = (type: string, isHost: boolean, path: string | undefined) => {
    if (!isHost) namespaces.push(path === undefined ? { type } : { type, path });
  };
  add("network", network.kind === "host", network.kind === "path" ? network.path : undefined);
  add("uts", UTSMode === "host", joined.uts);
  add("pid", PidMode === "host", joined.pid);
  add("ipc", IpcMode === "host", joined.ipc);
  add("cgroup", !hasPrivateCgroups(hostConfig, host), undefined);
  return namespaces;
}

function hasPrivateCgroups({ CgroupnsMode }: HostConfig, { cgroup }: Pick<HostFacts, "cgroup">): boolean {
  return CgroupnsMode === "" ? cgroup.kind === "v2" : CgroupnsMode === "private";
}

function planPaths(hostConfig: HostConfig, security: SecurityOptions, host: HostFacts) {
  const isOpen = hostConfig.Privileged || security.hasOpenSystemPaths;
  const throttles = host.throttledCpus.map((cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`);
  return {
    maskedPaths: hostConfig.MaskedPaths ?? (isOpen ? [] : [...maskedPaths, ...throttles]),
    readonlyPaths: hostConfig.ReadonlyPaths ?? (isOpen ? [] : readonlyPaths),
  };
}

/** A network of its own lets everybody in it ping, and listen on any port: the capabilities for it are given by default anyway. */
const networkSysctls = {
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": "0 2147483647",
};
/** Groups that a user namespace does not have make the kernel refuse the range. */
const mappedNetworkSysctls = { ...networkSysctls, "net.ipv4.ping_group_range": "0 65535" };

function planAllSysctls({
  hostConfig,
  network,
  joined,
  idRange,
}: SpecInput): Readonly<Record<string, string>> {
  const ownsNetwork = network.kind !== "host" && !hostConfig.NetworkMode.startsWith("container:");
  const asked = planSysctls(hostConfig.Sysctls ?? {}, {
    network: ownsNetwork,
    ipc: hostConfig.IpcMode !== "host" && joined.ipc === undefined,
    uts: hostConfig.UTSMode !== "host" && joined.uts === undefined,
  });
  if (!ownsNetwork) return asked;
  return { ...(idRange !== undefined ? mappedNetworkSysctls : networkSysctls), ...asked };
}
