import type { HostConfig, MountPoint } from "#api/docker/container.ts";

/** A mount as the runtime spec needs it: what to bind where, and how. */
export interface ResolvedMount {
  readonly point: MountPoint;
  readonly type: "bind" | "tmpfs";
  readonly source: string;
  readonly destination: string;
  readonly options: readonly string[];
}

/** What containers need of volumes. */
export interface VolumeMounts {
  /**
   * Binds, Mounts, Tmpfs, VolumesFrom and the image's VOLUMEs as one list without duplicates, sorted by destination. Creates
   * what has to exist (anonymous and named volumes, and folders for `-v` sources) and counts the container as their user.
   *
   * @throws {Fault} `invalid` with Docker's texts ("Duplicate mount point: X", "invalid mount config for type …")
   */
  resolve(
    containerId: string,
    hostConfig: HostConfig,
    volumes: readonly string[],
    from: (container: string) => readonly MountPoint[],
  ): Promise<readonly ResolvedMount[]>;
  /** At start of the daemon, for every container there is. */
  adopt(containerId: string, points: readonly MountPoint[]): void;
  /** The container is gone; with `anonymous`, so are the volumes that were made for it and have no other user. */
  release(containerId: string, anonymous: boolean): Promise<void>;
}
