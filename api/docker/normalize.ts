import { Fault } from "#base/fault.ts";
import type {
  ContainerConfig,
  CreateBody,
  EndpointSettings,
  HealthConfig,
  HostConfig,
  MountRequest,
} from "./container.ts";
import { isMac, validateConfig, validateEndpoint, validateHostConfig } from "./validate-create.ts";

const SHM_BYTES = 64 * 1024 * 1024;

export interface NormalizedCreate {
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** By network name as the request gave it; always has the network that `NetworkMode` names, unless it joins a container's. */
  readonly endpoints: Readonly<Record<string, Partial<EndpointSettings>>>;
  readonly warnings: readonly string[];
}

/** What the host decides: Docker's own default is `host` on cgroup v1 and `private` on v2. */
export interface CreateDefaults {
  readonly cgroupnsMode: "private" | "host";
  readonly runtime: string;
}

/**
 * Turns a create request into full configurations with the defaults of its API version. Pure; what image, host or other
 * containers decide (command, PATH, host name, masked paths) is left at its empty value: MaskedPaths and ReadonlyPaths stay
 * null where the request did not set them.
 *
 * @param version minor API version, e.g. 51
 * @throws {Fault} `invalid` with Docker's texts
 * @see Docker Engine API v1.51, POST /containers/create
 */
export function normalizeCreate(
  body: CreateBody,
  version: number,
  defaults: CreateDefaults = { cgroupnsMode: "private", runtime: "crun" },
): NormalizedCreate {
  const warnings: string[] = [];
  const config = normalizeConfig(body, version);
  const hostConfig = normalizeHostConfig(body.HostConfig ?? {}, version, defaults);
  validateConfig(config);
  validateHostConfig(hostConfig);
  for (const mount of hostConfig.Mounts ?? []) validateMountOptions(mount, version);
  const endpoints = normalizeEndpoints(body, hostConfig, version, warnings);
  if (hostConfig.NetworkMode === "host" && hasKeys(hostConfig.PortBindings))
    warnings.push("Published ports are discarded when using host network mode");
  checkNetworkConflicts(config, hostConfig);
  return { config, hostConfig, endpoints, warnings };
}

function normalizeConfig(body: CreateBody, version: number): ContainerConfig {
  const {
    ExposedPorts,
    Healthcheck,
    ArgsEscaped,
    NetworkDisabled,
    MacAddress,
    StopSignal,
    StopTimeout,
    Shell,
  } = body;
  return {
    Hostname: body.Hostname ?? "",
    Domainname: body.Domainname ?? "",
    User: body.User ?? "",
    AttachStdin: body.AttachStdin ?? false,
    AttachStdout: body.AttachStdout ?? false,
    AttachStderr: body.AttachStderr ?? false,
    ...(hasKeys(ExposedPorts) && { ExposedPorts }),
    Tty: body.Tty ?? false,
    OpenStdin: body.OpenStdin ?? false,
    StdinOnce: body.StdinOnce ?? false,
    Env: body.Env ?? [],
    Cmd: listOrNull(body.Cmd),
    ...(Healthcheck && { Healthcheck: withoutNewer(Healthcheck, version) }),
    ...(ArgsEscaped && { ArgsEscaped }),
    Image: body.Image ?? "",
    Volumes: hasKeys(body.Volumes) ? body.Volumes : null,
    WorkingDir: body.WorkingDir ?? "",
    Entrypoint: body.Entrypoint ?? null,
    ...(NetworkDisabled && { NetworkDisabled }),
    ...(MacAddress && { MacAddress }),
    OnBuild: body.OnBuild ?? null,
    Labels: body.Labels ?? {},
    ...(StopSignal && { StopSignal }),
    ...(typeof StopTimeout === "number" && { StopTimeout }),
    ...(Shell && Shell.length > 0 && { Shell }),
  };
}

/** StartInterval came with 1.44. */
function withoutNewer(health: HealthConfig, version: number): HealthConfig {
  const { StartInterval, ...older } = health;
  return version >= 44 && StartInterval !== undefined ? { ...older, StartInterval } : older;
}

export function normalizeHostConfig(
  given: NonNullable<CreateBody["HostConfig"]>,
  version: number,
  defaults: CreateDefaults,
): HostConfig {
  const memory = given.Memory ?? 0;
  const swap = given.MemorySwap ?? 0;
  const { Annotations, StorageOpt, Tmpfs, Sysctls, Mounts, Init } = given;
  return {
    Binds: given.Binds ?? null,
    ContainerIDFile: given.ContainerIDFile ?? "",
    LogConfig: { Type: given.LogConfig?.Type || "json-file", Config: given.LogConfig?.Config ?? {} },
    NetworkMode: networkMode(given.NetworkMode ?? ""),
    PortBindings: normalizePortBindings(given.PortBindings ?? null),
    RestartPolicy: {
      Name: given.RestartPolicy?.Name || "no",
      MaximumRetryCount: given.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    AutoRemove: given.AutoRemove ?? false,
    VolumeDriver: given.VolumeDriver ?? "",
    VolumesFrom: given.VolumesFrom ?? null,
    ConsoleSize: [clampUint(given.ConsoleSize?.[0]), clampUint(given.ConsoleSize?.[1])],
    ...(version >= 43 && hasKeys(Annotations) && { Annotations }),
    CapAdd: given.CapAdd?.map(capabilityName) ?? null,
    CapDrop: given.CapDrop?.map(capabilityName) ?? null,
    CgroupnsMode: given.CgroupnsMode || defaults.cgroupnsMode,
    Dns: given.Dns ?? null,
    DnsOptions: given.DnsOptions ?? null,
    DnsSearch: given.DnsSearch ?? null,
    ExtraHosts: given.ExtraHosts ?? null,
    GroupAdd: given.GroupAdd ?? null,
    IpcMode: given.IpcMode || (version < 40 ? "shareable" : "private"),
    Cgroup: given.Cgroup ?? "",
    Links: given.Links ?? null,
    OomScoreAdj: given.OomScoreAdj ?? 0,
    PidMode: given.PidMode ?? "",
    Privileged: given.Privileged ?? false,
    PublishAllPorts: given.PublishAllPorts ?? false,
    ReadonlyRootfs: given.ReadonlyRootfs ?? false,
    SecurityOpt: given.SecurityOpt ?? null,
    ...(hasKeys(StorageOpt) && { StorageOpt }),
    ...(hasKeys(Tmpfs) && { Tmpfs }),
    UTSMode: given.UTSMode ?? "",
    UsernsMode: given.UsernsMode ?? "",
    ShmSize: given.ShmSize || SHM_BYTES,
    ...(hasKeys(Sysctls) && { Sysctls }),
    Runtime: given.Runtime || defaults.runtime,
    Isolation: given.Isolation ?? "",
    CpuShares: given.CpuShares ?? 0,
    Memory: memory,
    NanoCpus: given.NanoCpus ?? 0,
    CgroupParent: given.CgroupParent ?? "",
    BlkioWeight: given.BlkioWeight ?? 0,
    BlkioWeightDevice: given.BlkioWeightDevice ?? null,
    BlkioDeviceReadBps: given.BlkioDeviceReadBps ?? null,
    BlkioDeviceWriteBps: given.BlkioDeviceWriteBps ?? null,
    BlkioDeviceReadIOps: given.BlkioDeviceReadIOps ?? null,
    BlkioDeviceWriteIOps: given.BlkioDeviceWriteIOps ?? null,
    CpuPeriod: given.CpuPeriod ?? 0,
    CpuQuota: given.CpuQuota ?? 0,
    CpuRealtimePeriod: given.CpuRealtimePeriod ?? 0,
    CpuRealtimeRuntime: given.CpuRealtimeRuntime ?? 0,
    CpusetCpus: given.CpusetCpus ?? "",
    CpusetMems: given.CpusetMems ?? "",
    Devices: normalizeDevices(given.Devices),
    DeviceCgroupRules: given.DeviceCgroupRules ?? null,
    DeviceRequests: given.DeviceRequests ?? null,
    MemoryReservation: given.MemoryReservation ?? 0,
    MemorySwap: memory > 0 && swap === 0 ? memory * 2 : swap,
    MemorySwappiness: given.MemorySwappiness === -1 ? null : (given.MemorySwappiness ?? null),
    OomKillDisable: given.OomKillDisable ?? false,
    PidsLimit: pidsLimit(given.PidsLimit ?? null),
    Ulimits: given.Ulimits ?? null,
    CpuCount: given.CpuCount ?? 0,
    CpuPercent: given.CpuPercent ?? 0,
    IOMaximumIOps: given.IOMaximumIOps ?? 0,
    IOMaximumBandwidth: given.IOMaximumBandwidth ?? 0,
    ...(Mounts && Mounts.length > 0 && { Mounts: Mounts.map((mount) => normalizeMount(mount, version)) }),
    MaskedPaths: given.MaskedPaths ?? null,
    ReadonlyPaths: given.ReadonlyPaths ?? null,
    ...(typeof Init === "boolean" && { Init }),
  };
}

function hasKeys<T extends object>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined && Object.keys(value).length > 0;
}

function listOrNull(list: readonly string[] | null | undefined): readonly string[] | null {
  return list && list.length > 0 ? list : null;
}

/** As inspect shows it: upper case with `CAP_`, or `ALL`. Whether Linux has it is checked with the host's. */
function capabilityName(text: string): string {
  const name = text.toUpperCase();
  return name === "ALL" || name.startsWith("CAP_") ? name : `CAP_${name}`;
}

/** Terminal sizes are unsigned on the wire of every client; anything else counts as unknown. */
function clampUint(value: number | undefined): number {
  return value === undefined || value < 0 || value > 0xffff ? 0 : value;
}

function networkMode(mode: string): string {
  return mode === "" || mode === "default" ? "bridge" : mode;
}

/** 0 and below mean no limit. */
function pidsLimit(limit: number | null): number | null {
  return limit === null || limit <= 0 ? null : limit;
}

function normalizePortBindings(bindings: HostConfig["PortBindings"]): HostConfig["PortBindings"] {
  if (bindings === null) return null;
  return Object.fromEntries(
    Object.entries(bindings).map(([port, list]) => [port.includes("/") ? port : `${port}/tcp`, list]),
  );
}

function normalizeDevices(devices: HostConfig["Devices"] | undefined): HostConfig["Devices"] {
  return (
    devices?.map((device) => ({
      PathOnHost: device.PathOnHost ?? "",
      PathInContainer: device.PathInContainer || device.PathOnHost || "",
      CgroupPermissions: device.CgroupPermissions || "rwm",
    })) ?? null
  );
}

/** Before 1.44 read-only binds were not recursive. */
function normalizeMount(mount: MountRequest, version: number): MountRequest {
  if (version >= 44 || mount.Type !== "bind" || mount.ReadOnly !== true) return mount;
  return { ...mount, BindOptions: { ...mount.BindOptions, ReadOnlyNonRecursive: true } };
}

const optionsOf = {
  bind: "BindOptions",
  volume: "VolumeOptions",
  tmpfs: "TmpfsOptions",
  image: "ImageOptions",
} as const;

function validateMountOptions(mount: MountRequest, version: number): void {
  const fail = (text: string) =>
    new Fault("invalid", `invalid mount config for type "${mount.Type}": ${text}`);
  if (mount.Type === "image" && version < 48) throw fail("mount type image requires API v1.48 or newer");
  if (version < 42) return;
  for (const [type, field] of Object.entries(optionsOf))
    if (type !== mount.Type && mount[field] !== undefined) throw fail(`${field} must not be specified`);
}

function normalizeEndpoints(
  body: CreateBody,
  host: HostConfig,
  version: number,
  warnings: string[],
): NormalizedCreate["endpoints"] {
  const given = Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {});
  if (version < 44 && given.length > 1)
    throw new Fault(
      "invalid",
      `Container cannot be connected to network endpoints: ${given.map(([name]) => name).join(", ")}`,
    );
  const endpoints = new Map<string, Partial<EndpointSettings>>();
  for (const [name, settings] of given) {
    validateEndpoint(name, settings ?? {});
    endpoints.set(name === "default" ? "bridge" : name, settings ?? {});
  }
  const own = host.NetworkMode;
  if (!own.startsWith("container:")) {
    if (endpoints.size === 0 || version >= 44) endpoints.set(own, endpoints.get(own) ?? {});
    moveMacAddress(body.MacAddress ?? "", own, endpoints, version, warnings);
  }
  return Object.fromEntries(endpoints);
}

/** The container-wide MacAddress of older versions belongs to the container's own network. */
function moveMacAddress(
  mac: string,
  network: string,
  endpoints: Map<string, Partial<EndpointSettings>>,
  version: number,
  warnings: string[],
): void {
  if (mac === "") return;
  if (version >= 52)
    throw new Fault(
      "invalid",
      "container-wide MAC address no longer supported; use endpoint-specific MAC address instead",
    );
  if (!isMac(mac)) throw new Fault("invalid", `invalid MAC address: ${mac}`);
  const settings = endpoints.get(network) ?? {};
  if (version >= 44) {
    if (settings.MacAddress !== undefined && settings.MacAddress !== "" && settings.MacAddress !== mac)
      throw new Fault(
        "invalid",
        "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be omitted",
      );
    warnings.push(
      "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.",
    );
  }
  if (network !== "host" && network !== "none") endpoints.set(network, { ...settings, MacAddress: mac });
}

function checkNetworkConflicts(config: ContainerConfig, host: HostConfig): void {
  if (host.NetworkMode === "host" && (host.Links?.length ?? 0) > 0)
    throw new Fault(
      "invalid",
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    );
  if (host.UTSMode === "host" && config.Hostname !== "")
    throw new Fault("invalid", "conflicting options: hostname and the UTS mode");
  if (!host.NetworkMode.startsWith("container:")) return;
  const conflicts: readonly (readonly [boolean, string])[] = [
    [config.Hostname !== "", "hostname and the network mode"],
    [
      (host.Links?.length ?? 0) > 0,
      "container type network can't be used with links. This would result in undefined behavior",
    ],
    [(host.Dns?.length ?? 0) > 0, "dns and the network mode"],
    [(host.ExtraHosts?.length ?? 0) > 0, "custom host-to-IP mapping and the network mode"],
    [
      hasKeys(host.PortBindings) || host.PublishAllPorts,
      "port publishing and the container type network mode",
    ],
    [config.ExposedPorts !== undefined, "port exposing and the container type network mode"],
  ];
  for (const [isConflict, text] of conflicts)
    if (isConflict) throw new Fault("invalid", `conflicting options: ${text}`);
}
