import { dirname, join } from "node:path";
import type { HostConfig } from "#api/docker/container.ts";
import type { Containers } from "#engine/containers/containers.ts";
import type { Health } from "#engine/containers/health.ts";
import { linkViews } from "#engine/containers/links.ts";
import { type ContainerRecord, mountPoints, zeroTime } from "#engine/containers/record.ts";
import type { ImageResolver } from "#engine/images/images.ts";
import { planAppArmor } from "#engine/runtime/apparmor.ts";
import { parseSecurityOptions } from "#engine/runtime/security-options.ts";
import type { Snapshotter } from "#engine/snapshots/snapshotter.ts";
import type { HostFacts } from "#host/facts.ts";
import { json } from "./answer.ts";
import type { Route } from "./call.ts";
import { sizesOf } from "./container-list.ts";
import { networkSettings } from "./network-settings.ts";

export interface InspectDeps {
  readonly containers: Containers;
  readonly images: ImageResolver;
  readonly snapshots: Pick<Snapshotter, "root" | "mountOf">;
  readonly host: Pick<HostFacts, "hasAppArmor">;
  /** What a container without a choice of its own gets: inspect shows them as if it had been asked for. */
  readonly defaultPaths: { readonly masked: readonly string[]; readonly readonly: readonly string[] };
}

export function containerInspectRoutes(deps: InspectDeps): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/containers/{id}/json",
      handle: async ({ name, query, version }) => {
        const record = deps.containers.get(name);
        const view = inspectView(deps, record, version);
        if (!query.boolean("size")) return json(view);
        const { rw, rootFs } = await sizesOf(deps, record);
        return json({ ...view, SizeRw: rw ?? 0, SizeRootFs: rootFs });
      },
    },
  ];
}

/** @see Docker Engine API v1.51, definition ContainerInspectResponse */
export function inspectView(deps: InspectDeps, record: ContainerRecord, version: number): object {
  const hasStarted = record.state.startedAt !== zeroTime;
  const logPath = deps.containers.logPath(record.id);
  const file = (name: string) => (hasStarted ? join(dirname(logPath), name) : "");
  const [path = "", ...args] = record.args;
  const execs = deps.containers.openExecs(record.id);
  return {
    Id: record.id,
    Created: record.created,
    Path: path,
    Args: args,
    State: stateView(record),
    Image: record.imageId,
    ResolvConfPath: file("resolv.conf"),
    HostnamePath: file("hostname"),
    HostsPath: file("hosts"),
    LogPath: hasStarted && record.hostConfig.LogConfig.Type !== "none" ? logPath : "",
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: "overlay2",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: hasStarted ? profileOf(deps, record.hostConfig) : "",
    ExecIDs: execs.length === 0 ? null : execs,
    HostConfig: {
      ...hostConfigView(deps, record.hostConfig, version),
      Links: linkViews(deps.containers.list(), record),
    },
    GraphDriver: { Data: graphData(deps, record.id), Name: "overlay2" },
    Mounts: mountPoints(record),
    Config: configView(record),
    NetworkSettings: networkSettings(record, version),
  };
}

/** Known once it has been started. */
function profileOf({ host }: InspectDeps, hostConfig: HostConfig): string {
  const { apparmor } = parseSecurityOptions(hostConfig.SecurityOpt ?? []);
  return planAppArmor(apparmor, hostConfig, host).value ?? "";
}

function stateView({ state }: ContainerRecord): object {
  const { status } = state;
  return {
    Status: status,
    Running: status === "running" || status === "paused" || status === "restarting",
    Paused: status === "paused",
    Restarting: status === "restarting",
    OOMKilled: state.oomKilled,
    Dead: status === "dead",
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...(state.health && { Health: healthView(state.health) }),
  };
}

/** @see Docker Engine API v1.51, definition Health */
function healthView({ status, failingStreak, log }: Health): object {
  const Log = log.map(({ start, end, exitCode, output }) => ({
    Start: start,
    End: end,
    ExitCode: exitCode,
    Output: output,
  }));
  return { Status: status, FailingStreak: failingStreak, Log };
}

function configView({ config }: ContainerRecord): object {
  return { ...config, Env: config.Env.length === 0 ? null : config.Env };
}

function hostConfigView({ defaultPaths }: InspectDeps, host: HostConfig, version: number): object {
  const { Annotations, ...rest } = host;
  return {
    ...rest,
    ...(version >= 43 && Annotations && { Annotations }),
    MaskedPaths: host.MaskedPaths ?? (host.Privileged ? null : defaultPaths.masked),
    ReadonlyPaths: host.ReadonlyPaths ?? (host.Privileged ? null : defaultPaths.readonly),
  };
}

/** Folders of the container's overlay on the host. It is mounted only in the supervisor's own namespace, so no MergedDir. */
function graphData({ snapshots }: InspectDeps, id: string): object | null {
  try {
    const mount = snapshots.mountOf(id);
    const absolute = (folder: string) => join(snapshots.root, folder);
    return {
      ID: id,
      LowerDir: mount.lower.map(absolute).join(":"),
      ...(mount.upper !== undefined && { UpperDir: absolute(mount.upper) }),
      ...(mount.work !== undefined && { WorkDir: absolute(mount.work) }),
    };
  } catch {
    return null; // being removed
  }
}
