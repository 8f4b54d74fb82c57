import { chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ContainerConfig, HostConfig } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import type { ContainerPolicy } from "#base/container-policy.ts";
import { type IdRange, toHostId } from "#base/id-range.ts";
import type { Log } from "#base/log.ts";
import type { Endpoint, Sandbox } from "#engine/network/networks.ts";
import { overlayOptions } from "#engine/snapshots/overlay-mount.ts";
import type { OverlayMount, Snapshotter } from "#engine/snapshots/snapshotter.ts";
import { ShimControl, type StartedTask } from "#engine/supervise/shim-client.ts";
import type { Handle } from "#engine/supervise/kernel-helper.ts";
import type { ShimHandle, Spawner } from "#engine/supervise/spawner.ts";
import type { ResolvedMount } from "#engine/volumes/volumes.ts";
import type { CgroupLayout } from "#host/cgroup/layout.ts";
import type { HostFacts } from "#host/facts.ts";
import { removeFolder } from "#host/remove-folder.ts";
import { defaultProfile, ensureDefaultProfile } from "./apparmor.ts";
import { applyPolicy } from "./apply-policy.ts";
import { refuseDeviceRequests } from "./validate.ts";
import type { ContainerCgroups } from "./container-cgroups.ts";
import { type HostsInput, hostsText } from "./etc-files.ts";
import { type HostDevices, readHostDevices } from "./host-devices.ts";
import {
  bundleFolder,
  containerFolder,
  type EnginePaths,
  exitFile,
  runtimeState,
  shimSocket,
} from "./paths.ts";
import type { ProcessSpec, ResolvedUser, RuntimeSpec } from "./runtime-spec.ts";
import type { Runtimes } from "./runtimes.ts";
import { stageMounts } from "./staged-mounts.ts";
import { resolveUser } from "./users.ts";

export interface UserNamespace {
  readonly range: IdRange;
  /** What the spawner holds for it, or the path of another container's. */
  readonly source: Handle | string;
}

/** What a container needs to be started; all of it comes from its record and its sandbox. */
export interface LaunchRequest {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly args: readonly string[];
  readonly mounts: readonly ResolvedMount[];
  readonly sandbox: Sandbox;
  readonly resolvConf: string;
  /** For its hosts file. */
  readonly hosts: Pick<HostsInput, "hostGateway" | "links">;
  /** What its shim is told about its log. */
  readonly logArguments: readonly string[];
  readonly joined: {
    readonly ipc?: string;
    readonly pid?: string;
    readonly uts?: string;
    readonly network?: string;
  };
  /** Absent: the host's. */
  readonly users?: UserNamespace;
}

/** A container that runs (or is about to): the daemon's end of its shim. Gone with the daemon, made again from the records. */
export interface Task {
  readonly control: ShimControl;
  readonly socket: string;
  readonly bundle: string;
  /** What execs inherit. */
  readonly process: ProcessSpec;
}

export interface LauncherDeps {
  readonly paths: EnginePaths;
  readonly spawner: Spawner;
  readonly snapshots: Snapshotter;
  readonly cgroups: ContainerCgroups;
  readonly host: HostFacts;
  readonly runtimes: Runtimes;
  readonly policy: ContainerPolicy;
  readonly shimBinary: string;
  readonly log: Log;
}

const longestPauseMs = 512;

/** Makes a container's bundle and cgroups and starts its shim. */
export class Launcher {
  readonly #deps: LauncherDeps;

  constructor(deps: LauncherDeps) {
    this.#deps = deps;
    for (const folder of ["c", "s", "crun"])
      mkdirSync(join(deps.paths.run, folder), { recursive: true, mode: 0o700 });
  }

  get cgroups(): ContainerCgroups {
    return this.#deps.cgroups;
  }

  get policy(): ContainerPolicy {
    return this.#deps.policy;
  }

  get host(): HostFacts {
    return this.#deps.host;
  }

  get runtimes(): Runtimes {
    return this.#deps.runtimes;
  }

  /**
   * Starts the shim and connects to it; it waits for {@link ShimControl.go}. When this throws, nothing of the container is
   * left; when what follows fails, {@link Launcher.clear} is the caller's.
   */
  async prepare(
    request: LaunchRequest,
  ): Promise<{ readonly task: Task; readonly warnings: readonly string[] }> {
    const { id, hostConfig } = request;
    refuseDeviceRequests(hostConfig);
    await this.clear(id);
    try {
      return await this.#prepare({
        ...request,
        hostConfig: applyPolicy(request.hostConfig, this.#deps.policy),
      });
    } catch (error) {
      await this.clear(id);
      throw error;
    }
  }

  async #prepare(
    request: LaunchRequest,
  ): Promise<{ readonly task: Task; readonly warnings: readonly string[] }> {
    const { paths, spawner, cgroups } = this.#deps;
    const { id, sandbox, users } = request;
    const overlay = this.#deps.snapshots.mountOf(id);
    const devices = readHostDevices(request.hostConfig);
    const processFiles = cgroups.create(id, request.hostConfig, devices);
    const staged = stageMounts(request.mounts, bundleFolder(paths, id), (key) =>
      this.#deps.snapshots.mountOf(key),
    );
    const { spec, warnings } = await this.#plan({ ...request, mounts: staged.mounts }, devices);
    if (spec.process.apparmorProfile === defaultProfile) await ensureDefaultProfile();
    const bundle = this.#writeBundle(id, spec, request);
    const socket = shimSocket(paths, id);
    const args = [...this.#shimArguments(request, overlay, processFiles), ...staged.args];
    await spawner.startShim(socket, handlesOf(sandbox, users), args);
    const control = await ShimControl.connect(socket);
    return { task: { control, socket, bundle, process: spec.process }, warnings };
  }

  /** To be let go of by {@link letGo}, unless a shim has taken it. */
  openUserNamespace(range: IdRange): Promise<Handle> {
    return this.#deps.spawner.createUserNamespace(range);
  }

  letGo(handle: Handle): Promise<void> {
    return this.#deps.spawner.release(handle);
  }

  /** Loads what starts and execs need and a daemon that was just started does not, before somebody waits for it. */
  async warm(): Promise<void> {
    await import("./exec-spec.ts");
  }

  /** As the passwd and group files of the container, or of the layers with this chain ID, have it. */
  userOf(id: string, user: string, hostConfig: Pick<HostConfig, "GroupAdd">): Promise<ResolvedUser> {
    const { root } = this.#deps.snapshots;
    const { upper, lower } = this.#deps.snapshots.mountOf(id);
    const folders = upper === undefined ? lower : [upper, ...lower];
    return resolveUser(
      user,
      hostConfig.GroupAdd ?? [],
      folders.map((folder) => join(root, folder)),
    );
  }

  async #plan(request: LaunchRequest, devices: HostDevices) {
    const { paths, host, cgroups, runtimes, policy } = this.#deps;
    const { id, config, hostConfig, args, mounts, sandbox, joined } = request;
    const { planSpec } = await import("./spec.ts");
    const { dialect } = runtimes.get(hostConfig.Runtime);
    const user = await this.userOf(id, config.User, hostConfig);
    return planSpec({
      id,
      config,
      hostConfig,
      args,
      user,
      // Relative where the folders above are closed to the container's root: the runtime stands in the bundle.
      rootPath: request.users === undefined ? join(bundleFolder(paths, id), "rootfs") : "rootfs",
      mounts,
      etc: this.#writeEtcFiles(request),
      network: networkOf(
        sandbox,
        joined.network,
        dialect === "crun" ? inheritedNetns : `${bundleFolder(paths, id)}/netns`,
      ),
      dialect,
      joined: joined.ipc === undefined ? joined : { ...joined, shm: join(bundleFolder(paths, id), "shm") },
      initPath: this.#deps.shimBinary,
      cgroupPath: cgroups.pathOf(id),
      cgroupHostBase: join(bundleFolder(paths, id), "cgroup"),
      ...(request.users !== undefined && { idRange: request.users.range }),
      devices,
      host,
      allowsSocketcall: policy.allowsSocketcall,
    });
  }

  #writeEtcFiles({ id, config, hostConfig, sandbox, resolvConf, hosts, users }: LaunchRequest) {
    const folder = containerFolder(this.#deps.paths, id);
    mkdirSync(folder, { recursive: true, mode: 0o710 });
    const files = {
      hosts: join(folder, "hosts"),
      hostname: join(folder, "hostname"),
      resolvConf: join(folder, "resolv.conf"),
    };
    writeFileSync(
      files.hosts,
      hostsText({
        hostname: config.Hostname,
        domainname: config.Domainname,
        endpoints: sandbox.endpoints,
        extraHosts: hostConfig.ExtraHosts ?? [],
        ...hosts,
      }),
    );
    writeFileSync(files.hostname, `${config.Hostname}\n`);
    writeFileSync(files.resolvConf, resolvConf);
    if (users !== undefined) {
      const root = toHostId(users.range, 0);
      for (const file of Object.values(files)) chownSync(file, root, root);
    }
    return files;
  }

  #writeBundle(id: string, spec: object, { users, joined }: LaunchRequest): string {
    const joinsShm = joined.ipc !== undefined;
    const bundle = bundleFolder(this.#deps.paths, id);
    mkdirSync(bundle, { mode: users === undefined ? 0o700 : 0o711 });
    mkdirSync(join(bundle, "rootfs"));
    mkdirSync(join(bundle, "cgroup"));
    if (joinsShm) mkdirSync(join(bundle, "shm"));
    writeFileSync(join(bundle, "config.json"), JSON.stringify(spec), { mode: 0o600 });
    return bundle;
  }

  #shimArguments(
    request: LaunchRequest,
    overlay: OverlayMount,
    processFiles: readonly string[],
  ): readonly string[] {
    const { paths, snapshots, host } = this.#deps;
    const { id, config, hostConfig, users, joined } = request;
    const bundle = bundleFolder(paths, id);
    // runc makes the cgroup in the v2 tree its own, and wants it empty.
    const isRunc = this.#deps.runtimes.get(hostConfig.Runtime).dialect === "runc";
    const joins = (file: string) => !isRunc || !file.startsWith(`${unifiedOf(host.cgroup)}/`);
    return [
      id,
      `bundle=${bundle}`,
      `socket=${shimSocket(paths, id)}`,
      ...this.#runtimeArguments(request),
      `layers=${snapshots.root}`,
      `overlay=${overlayOptions(overlay)}`,
      ...(host.cgroup.kind === "v2" ? [] : [`cgroup-base=${bundle}/cgroup`]),
      ...(joined.ipc === undefined ? [] : [`shm-of=${joined.ipc.replace(/ipc$/, "mnt")}`]),
      ...request.mounts.filter(isSharedBind).map(({ source }) => `shared=${source}`),
      ...(users === undefined ? [] : [`id-base=${users.range.base}`]),
      ...(typeof users?.source === "string" ? [`userns=${users.source}`] : []),
      ...processFiles.filter(joins).map((file) => `cgroup=${file}`),
      ...request.logArguments,
      `exit-file=${exitFile(paths, id)}`,
      `tty=${Number(config.Tty)}`,
      `stdin=${Number(config.OpenStdin)}`,
      `stdin-once=${Number(config.StdinOnce)}`,
    ];
  }

  /** The sealed one needs no word; others keep their state in a folder for each container, whatever they put there. */
  #runtimeArguments({ id, hostConfig, sandbox }: LaunchRequest): readonly string[] {
    const { paths, runtimes } = this.#deps;
    const runtime = runtimes.get(hostConfig.Runtime);
    const state = runtimeState(paths);
    if (runtime.path === runtimes.sealed.path && runtime.dialect === "crun") return [`state=${state}`];
    return [
      `state=${join(state, id)}`,
      `runtime=${runtime.path}`,
      ...(runtime.dialect === "runsc" ? runscArguments(sandbox) : []),
    ];
  }

  /** Connects to the shim of a container that outlived the daemon. @throws {Fault} `not-found` when there is none any more */
  async reconnect(id: string): Promise<{ readonly task: Task; readonly started: StartedTask }> {
    const socket = shimSocket(this.#deps.paths, id);
    const bundle = bundleFolder(this.#deps.paths, id);
    const control = await ShimControl.connect(socket);
    const started = await Promise.race([control.started, control.waiting]);
    if (started === undefined) {
      control.detach(); // which ends it
      throw new Fault("not-found", `the shim of ${id} was never told to start it`);
    }
    const { process } = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as RuntimeSpec;
    return { task: { control, socket, bundle, process }, started };
  }

  /** After the container's first process has ended: ends what it left behind, and says whether memory ran out. */
  async settle(id: string): Promise<{ readonly isOomKilled: boolean }> {
    const { cgroups } = this.#deps;
    const isOomKilled = cgroups.oomKills(id) > 0;
    if (cgroups.processes(id).length > 0) {
      cgroups.killAll(id);
      await cgroups.untilEmpty(id);
    }
    return { isOomKilled };
  }

  /** Removes what a container has while it runs: bundle, runtime state, cgroups. Repeating it is fine. */
  async clear(id: string): Promise<void> {
    const { paths, cgroups, log } = this.#deps;
    for (const folder of [bundleFolder(paths, id), join(runtimeState(paths), id)]) removeFolder(folder);
    rmSync(shimSocket(paths, id), { force: true });
    // The runtime's own helpers may end a moment after the container, and hold its cgroup until then.
    for (let pauseMs = 1; !cgroups.remove(id); pauseMs *= 2) {
      if (pauseMs > longestPauseMs) return log.warn("cgroup is still in use", { container: id });
      await delay(pauseMs);
    }
  }
}

/** What is mounted below it in the container reaches the host. */
function isSharedBind({ type, options }: ResolvedMount): boolean {
  return type === "bind" && (options.includes("shared") || options.includes("rshared"));
}

function handlesOf(sandbox: Sandbox, users: UserNamespace | undefined): readonly ShimHandle[] {
  return [
    ...(sandbox.netns === undefined ? [] : [{ name: "netns", handle: sandbox.netns } as const]),
    ...(typeof users?.source === "number" ? [{ name: "userns", handle: users.source } as const] : []),
    ...sandbox.portHandles.map((handle) => ({ name: "hold", handle }) as const),
  ];
}

/** Where the sealed runtime finds the network namespace that the shim hands on. */
const inheritedNetns = "/proc/self/fd/10";

function networkOf(sandbox: Sandbox, joined: string | undefined, own: string) {
  if (joined !== undefined) return { kind: "path", path: joined } as const;
  if (sandbox.netns !== undefined) return { kind: "path", path: own } as const;
  return { kind: sandbox.endpoints.some(isHost) ? "host" : "new" } as const;
}

/**
 * runsc takes a network namespace for the host's, whose addresses it must not take, by a sysctl that newer kernels have in every
 * one: where it gets one of its own it does not see them.
 */
function runscArguments({ netns }: Sandbox): readonly string[] {
  const hidden = netns === undefined ? [] : ["hide=/proc/sys/net/core"];
  return ["runtime-flag=--ignore-cgroups", ...hidden];
}

function unifiedOf(layout: CgroupLayout): string | undefined {
  return layout.kind === "v2" ? layout.root : layout.unified;
}

function isHost(endpoint: Endpoint): boolean {
  return endpoint.networkName === "host";
}
