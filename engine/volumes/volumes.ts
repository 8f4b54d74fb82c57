import type { HostConfig, MountPoint } from "#api/docker/container.ts";

/** A mount as the runtime spec needs it: what to bind where, and how. Plain data, kept in the container's record. */
export interface ResolvedMount {
  readonly point: MountPoint;
  /** `bind`, `tmpfs`, `image` (its source is then the key of a snapshot of the container's), or the file system that the options of a local volume name, such as `nfs`. */
  readonly type: string;
  readonly source: string;
  readonly destination: string;
  readonly options: readonly string[];
  /** The source is a folder of the host that is made before each start when it is missing (`-v`). */
  readonly createsSource?: true;
  /** Its owners are those of a container, so they are mapped into a user namespace. */
  readonly isMapped?: true;
  /** Of `HostConfig.Tmpfs`, which inspect does not list. */
  readonly isUnlisted?: true;
  /** The part of the volume that `source` is, or of the image; it is looked up at each start. */
  readonly subpath?: string;
}

/** What containers need of volumes. */
export interface VolumeMounts {
  /**
   * Binds, Mounts, Tmpfs, VolumesFrom and the image's VOLUMEs as one list without duplicates, sorted by destination. Creates
   * what has to exist (anonymous and named volumes, and folders for `-v` sources), fills new volumes from the image and counts
   * the container as their user. Folders for `-v` belong to `sourceOwner`, root unless the container has IDs of its own. When it
   * throws, all of that is undone.
   *
   * @throws {Fault} `invalid` with Docker's texts ("Duplicate mount point: X", "invalid mount config for type …")
   */
  resolve(
    containerId: string,
    hostConfig: HostConfig,
    volumes: readonly string[],
    from: (container: string) => readonly MountPoint[],
    sourceOwner?: number,
  ): Promise<readonly ResolvedMount[]>;
  /** At start of the daemon, for every container there is; of one that may run {@link afterStop} tells when it does not. */
  adopt(containerId: string, points: readonly MountPoint[], isRunning: boolean): void;
  /**
   * Before each start: makes `-v` sources that are missing again, and publishes `volume mount`.
   *
   * @throws {Fault} `invalid` for a source that is gone or cannot be made, with Docker's texts
   */
  beforeStart(containerId: string, mounts: readonly ResolvedMount[], sourceOwner?: number): Promise<void>;
  /** After each stop: publishes `volume unmount`. */
  afterStop(containerId: string, mounts: readonly ResolvedMount[]): void;
  /**
   * The container is going; with `anonymous`, so are the volumes that were made for it and have no other user. Best called
   * before its row is deleted: a kill between the two leaves volumes that only prune removes, or removes those of a container
   * that never started. May be repeated.
   */
  release(containerId: string, anonymous: boolean): Promise<void>;
}
