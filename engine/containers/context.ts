import type { LogConfig } from "#api/docker/container.ts";
import type { KeyedLock } from "#base/keyed-lock.ts";
import type { Log } from "#base/log.ts";
import type { Clock } from "#base/time.ts";
import type { EventSink } from "#engine/events/events.ts";
import type { ImageCommitter, ImageResolver } from "#engine/images/images.ts";
import type { ForwardingThread } from "#engine/logs/forwarding-thread.ts";
import type { Networks } from "#engine/network/networks.ts";
import type { IdRanges } from "#engine/runtime/id-ranges.ts";
import type { Launcher, LaunchRequest, Task, UserNamespace } from "#engine/runtime/launcher.ts";
import type { EnginePaths } from "#engine/runtime/paths.ts";
import type { Snapshotter } from "#engine/snapshots/snapshotter.ts";
import type { VolumeMounts } from "#engine/volumes/volumes.ts";
import type { ContainerRecord } from "./record.ts";
import type { ContainerRegistry } from "./registry.ts";
import type { Waiters } from "./waiters.ts";

/** What containers have from the pods that they are in. */
export interface PodNamespaces {
  /** @throws {Fault} `conflict` when the pod is not there any more */
  joinedBy(record: ContainerRecord): LaunchRequest["joined"];
  usersOf(record: ContainerRecord): UserNamespace | undefined;
}

/** What everything in this folder shares. Built once by the daemon. */
export interface ContainerContext {
  readonly paths: EnginePaths;
  readonly registry: ContainerRegistry;
  readonly images: ImageResolver & ImageCommitter;
  readonly snapshots: Snapshotter;
  readonly networks: Networks;
  readonly volumes: VolumeMounts;
  readonly events: EventSink;
  readonly launcher: Launcher;
  readonly forwarders: ForwardingThread;
  /** The engine's own log driver, for containers that name none. */
  readonly defaultLogs: LogConfig;
  readonly idRanges: IdRanges;
  /** Whether containers have a user namespace unless they ask for the host's. */
  readonly isRemapped: boolean;
  /** Whether a snapshot without a record is somebody else's business; by default nothing is. */
  readonly isOthers?: (containerId: string) => boolean;
  /** Only where all containers are pods'. */
  readonly pods?: PodNamespaces;
  /** By container ID: what runs now. */
  readonly tasks: Map<string, Task>;
  readonly waiters: Waiters;
  /** By container ID: one change of state at a time. */
  readonly lock: KeyedLock;
  readonly log: Log;
  readonly now: Clock;
}

/** Publishes a container's event with the attributes that Docker gives it: image, name and labels. */
export function publish(
  { events }: Pick<ContainerContext, "events">,
  record: ContainerRecord,
  action: string,
  extra: Readonly<Record<string, string>> = {},
): void {
  events.publish("container", action, record.id, {
    ...record.config.Labels,
    ...extra,
    image: record.config.Image,
    name: record.name,
  });
}
