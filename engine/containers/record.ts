import type { ContainerConfig, EndpointSettings, HostConfig, MountPoint } from "#api/docker/container.ts";
import type { IdRange } from "#base/id-range.ts";
import type { Endpoint } from "#engine/network/networks.ts";
import type { Health } from "./health.ts";
import type { ResolvedMount } from "#engine/volumes/volumes.ts";

/** Times are RFC 3339 with nanoseconds; the zero time is `0001-01-01T00:00:00Z`. */
export const zeroTime = "0001-01-01T00:00:00Z";

export type ContainerStatus =
  | "created"
  | "running"
  | "paused"
  | "restarting"
  | "removing"
  | "exited"
  | "dead";

/** @see Docker Engine API v1.51, definition ContainerState */
export interface ContainerState {
  readonly status: ContainerStatus;
  /** 0 unless running or paused. */
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: tells this process from a later one with the same pid. */
  readonly pidStartTime: string;
  readonly exitCode: number;
  readonly error: string;
  readonly oomKilled: boolean;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Of the run that is or was last; absent for one without a check. */
  readonly health?: Health;
}

/** Of a container that is new. */
export const neverStarted: ContainerState = {
  status: "created",
  pid: 0,
  pidStartTime: "",
  exitCode: 0,
  error: "",
  oomKilled: false,
  startedAt: zeroTime,
  finishedAt: zeroTime,
};

/** What a container of a pod is, beside a container. */
export interface PodPart {
  readonly sandboxId: string;
  /** The container's within the pod. */
  readonly name: string;
  readonly attempt: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** As the request named it, and as its user did. */
  readonly image: string;
  readonly userImage: string;
  /** Absolute; empty: nothing is kept. */
  readonly logPath: string;
  /** Destinations of binds whose owners are those of its user namespace. */
  readonly mapped: readonly string[];
  /** Another container whose processes it sees. */
  readonly targetId?: string;
  /** The request's mounts and resources, in the form of its API, for it to show again. */
  readonly shown: string;
}

/** Everything that is kept about a container; plain data, one JSON row. Replaced as a whole, never changed in place. */
export interface ContainerRecord {
  readonly id: string;
  /** Without the slash. */
  readonly name: string;
  readonly created: string;
  /** Image ID. */
  readonly imageId: string;
  /** Digest of its manifest, what `ImageManifestDescriptor` shows. */
  readonly manifest: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** What create asked for, by network name. */
  readonly endpointsConfig: Readonly<Record<string, Partial<EndpointSettings>>>;
  readonly mounts: readonly ResolvedMount[];
  /** Of its user namespace; the host's IDs without one. This is where it is kept that they are taken. */
  readonly idRange?: IdRange;
  readonly state: ContainerState;
  /** While running, in the order of its interfaces; the last ones' ports are not kept. */
  readonly endpoints?: readonly Endpoint[];
  /** Its interfaces are being changed: after a kill they may be others than the endpoints say. */
  readonly isRewired?: true;
  readonly restartCount: number;
  /** A stop or kill by a user: restart policies and `unless-stopped` look at it. */
  readonly isManuallyStopped: boolean;
  readonly pod?: PodPart;
  /** Path and Args as inspect shows them. */
  readonly args: readonly string[];
}

export function isAlive({ status }: ContainerState): boolean {
  return status === "running" || status === "paused";
}

/** As inspect shows mounts. */
export function mountPoints(record: ContainerRecord): readonly MountPoint[] {
  return record.mounts.filter((mount) => !mount.isUnlisted).map((mount) => mount.point);
}

/** Keys of the snapshots that keep the layers of the images it mounts. They begin with the container's ID. */
export function imageSnapshots({ mounts }: Pick<ContainerRecord, "mounts">): readonly string[] {
  return mounts.filter(({ type }) => type === "image").map(({ source }) => source);
}
