import { apiVersions, formatVersion } from "#api/docker/versions.ts";
import { type Clock, formatTime } from "#base/time.ts";
import type { ContainerPolicy } from "#base/container-policy.ts";
import { loopbackRanges, type RegistrySettings } from "#base/registry-settings.ts";
import type { Containers } from "#engine/containers/containers.ts";
import type { EventBus } from "#engine/events/event-bus.ts";
import type { Images } from "#engine/images/images.ts";
import { logDrivers } from "#engine/logs/log-options.ts";
import { maskedProxy } from "#engine/registry/proxy.ts";
import type { HostFacts } from "#host/facts.ts";
import { type Answer, json } from "./answer.ts";
import type { Route } from "./call.ts";

/** What the engine and its host are called. */
export interface EngineIdentity {
  /** Of this installation, for good. */
  readonly id: string;
  readonly version: string;
  readonly gitCommit: string;
  /** RFC 3339. */
  readonly buildTime: string;
  /** Where its data are. */
  readonly root: string;
  readonly hostname: string;
  /** `6.1.0-18-amd64` */
  readonly kernelRelease: string;
  /** `Debian GNU/Linux 12 (bookworm)` */
  readonly operatingSystem: string;
  /** `12` */
  readonly osVersion: string;
  readonly runtime: { readonly name: string; readonly version: string };
  readonly runtimes: {
    readonly byName: Readonly<Record<string, { readonly path: string }>>;
    readonly defaultName: string;
  };
  /** For containers that name none. */
  readonly loggingDriver: string;
  /** File system under `root`, e.g. `extfs`. */
  readonly backingFileSystem: string;
  readonly authorizationPlugins: readonly string[];
  readonly policy: ContainerPolicy;
  readonly registries: RegistrySettings;
  /** What is wrong with the host, for people. */
  readonly warnings: readonly string[];
}

export interface SystemDeps {
  readonly identity: EngineIdentity;
  readonly host: HostFacts;
  readonly containers: Pick<Containers, "list">;
  readonly images: Pick<Images, "list">;
  readonly events: Pick<EventBus, "listenerCount">;
  /** Whether containers have user namespaces of their own. */
  readonly isRemapped: boolean;
  readonly now: Clock;
}

const pingHeaders = [
  "Builder-Version",
  "2",
  "Swarm",
  "inactive",
  "Cache-Control",
  "no-cache, no-store, must-revalidate",
  "Pragma",
  "no-cache",
];
const ping: Answer = {
  kind: "body",
  status: 200,
  type: "text/plain; charset=utf-8",
  body: "OK",
  headers: pingHeaders,
};
const headPing: Answer = { ...ping, body: "" };

/** @see Docker Engine API v1.51, section System */
export function systemRoutes(deps: SystemDeps): readonly Route[] {
  return [
    { method: "GET", path: "/_ping", handle: () => ping },
    { method: "HEAD", path: "/_ping", handle: () => headPing },
    { method: "GET", path: "/version", handle: () => json(versionView(deps)) },
    { method: "GET", path: "/info", handle: ({ version }) => json(infoView(deps, version)) },
  ];
}

function versionView({ identity, host }: SystemDeps): object {
  const minor = formatVersion(apiVersions.advertised);
  const oldest = formatVersion(apiVersions.oldest);
  const { version, gitCommit, buildTime, kernelRelease, runtime } = identity;
  return {
    Platform: { Name: "Gantry" },
    Components: [
      {
        Name: "Engine",
        Version: version,
        Details: {
          ApiVersion: minor,
          Arch: host.architecture,
          BuildTime: buildTime,
          Experimental: "false",
          GitCommit: gitCommit,
          GoVersion: "none",
          KernelVersion: kernelRelease,
          MinAPIVersion: oldest,
          Os: "linux",
        },
      },
      { Name: runtime.name, Version: runtime.version, Details: { GitCommit: "" } },
    ],
    Version: version,
    ApiVersion: minor,
    MinAPIVersion: oldest,
    GitCommit: gitCommit,
    GoVersion: "none",
    Os: "linux",
    Arch: host.architecture,
    KernelVersion: kernelRelease,
    BuildTime: buildTime,
  };
}

function infoView(deps: SystemDeps, version: number): object {
  const { identity, host, images, now } = deps;
  return {
    ID: identity.id,
    ...containerCounts(deps),
    Images: images.list().length,
    Driver: "overlay2",
    DriverStatus: [
      ["Backing Filesystem", identity.backingFileSystem],
      ["Supports d_type", "true"],
      ["Native Overlay Diff", "true"],
      ["userxattr", "false"],
    ],
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "macvlan", "null"],
      Authorization: identity.authorizationPlugins.length === 0 ? null : identity.authorizationPlugins,
      Log: logDrivers,
    },
    ...limitSupport(host, version),
    Debug: false,
    NFd: 0,
    NGoroutines: 0,
    SystemTime: formatTime(now()),
    LoggingDriver: identity.loggingDriver,
    CgroupDriver: "cgroupfs",
    CgroupVersion: host.cgroup.kind === "v2" ? "2" : "1",
    NEventsListener: deps.events.listenerCount,
    KernelVersion: identity.kernelRelease,
    OperatingSystem: identity.operatingSystem,
    OSVersion: identity.osVersion,
    OSType: "linux",
    Architecture: host.architecture === "amd64" ? "x86_64" : "aarch64",
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: registryConfig(version, identity.registries),
    NCPU: host.cpus,
    MemTotal: host.memory,
    GenericResources: null,
    DockerRootDir: identity.root,
    HttpProxy: maskedProxy(identity.registries.proxies.http),
    HttpsProxy: maskedProxy(identity.registries.proxies.https),
    NoProxy: identity.registries.proxies.none,
    Name: identity.hostname,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: identity.version,
    Runtimes: identity.runtimes.byName,
    DefaultRuntime: identity.runtimes.defaultName,
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    // Containers go on when the daemon ends.
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: "gantry-init",
    ContainerdCommit: commit("", version),
    RuncCommit: commit(identity.runtime.version, version),
    InitCommit: commit("", version),
    SecurityOptions: securityOptions(deps),
    ...(version >= 44 && { CDISpecDirs: [] }),
    ...(version >= 49 && { FirewallBackend: { Driver: "nftables" } }),
    Warnings: identity.warnings.length === 0 ? null : identity.warnings,
  };
}

function containerCounts({ containers }: SystemDeps): object {
  const counts = { running: 0, paused: 0, stopped: 0 };
  const list = containers.list();
  for (const { state } of list) {
    if (state.status === "paused") counts.paused++;
    else if (state.status === "running" || state.status === "restarting") counts.running++;
    else counts.stopped++;
  }
  return {
    Containers: list.length,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
  };
}

function limitSupport({ limits }: HostFacts, version: number): object {
  return {
    MemoryLimit: limits.memory,
    SwapLimit: limits.swap,
    ...(version < 42 && { KernelMemory: false }),
    KernelMemoryTCP: false,
    CpuCfsPeriod: limits.cpuQuota,
    CpuCfsQuota: limits.cpuQuota,
    CPUShares: limits.cpuShares,
    CPUSet: limits.cpuset,
    PidsLimit: limits.pids,
    IPv4Forwarding: true,
    ...(version < 50 && { BridgeNfIptables: false, BridgeNfIp6tables: false }),
    OomKillDisable: limits.oomKillDisable,
  };
}

function registryConfig(version: number, { insecure, mirrors }: RegistrySettings): object {
  const hosts = insecure.filter((rule) => !rule.includes("/"));
  const index = (Name: string, Secure: boolean, Official: boolean) => [
    Name,
    { Name, Mirrors: Official ? mirrors : [], Secure, Official },
  ];
  return {
    ...(version < 49 && {
      AllowNondistributableArtifactsCIDRs: [],
      AllowNondistributableArtifactsHostnames: [],
    }),
    InsecureRegistryCIDRs: [...loopbackRanges, ...insecure.filter((rule) => rule.includes("/"))],
    IndexConfigs: Object.fromEntries([
      ...hosts.map((host) => index(host, false, false)),
      index("docker.io", true, true),
    ]),
    Mirrors: mirrors.length === 0 ? null : mirrors,
  };
}

/** `Expected` went with 1.49. */
function commit(id: string, version: number): object {
  return version < 49 ? { ID: id, Expected: id } : { ID: id };
}

function securityOptions({ isRemapped, host, identity }: SystemDeps): readonly string[] {
  const { hasSeccomp, hasAppArmor, cgroup } = host;
  const { noNewPrivileges } = identity.policy;
  return [
    ...(hasAppArmor ? ["name=apparmor"] : []),
    ...(hasSeccomp ? ["name=seccomp,profile=builtin"] : []),
    ...(isRemapped ? ["name=userns"] : []),
    ...(cgroup.kind === "v2" ? ["name=cgroupns"] : []),
    ...(noNewPrivileges ? ["name=no-new-privileges"] : []),
  ];
}
