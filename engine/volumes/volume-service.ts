import type { VolumeRecord } from "./volume-record.ts";

/** Volumes as their users manage them. @see Docker Engine API v1.51, /volumes */
export interface Volumes {
  /**
   * Returns the volume of that name as it is when there is one. Without a name it gets 64 hex digits and the label of anonymous
   * volumes. Durable when it resolves.
   *
   * @throws {Fault} `invalid` for a bad name or option; `not-found` for a driver other than `local`
   */
  create(request: VolumeRequest): Promise<VolumeRecord>;
  /** @throws {Fault} `not-found` "get X: no such volume" */
  get(name: string): VolumeRecord;
  /** By name. */
  list(): readonly VolumeRecord[];
  /** IDs of the containers that mount it, running or not. */
  usersOf(name: string): readonly string[];
  /** Where its content is on the host. */
  mountpointOf(record: VolumeRecord): string;
  /** Bytes of the regular files in it. */
  sizeOf(record: VolumeRecord, signal: AbortSignal): Promise<number>;
  /**
   * @throws {Fault} `conflict` "remove X: volume is in use - [id]"; `not-found`, unless `force`
   */
  remove(name: string, options: { readonly force: boolean }): Promise<void>;
  /** Removes those that match and have no user. */
  prune(
    matches: (record: VolumeRecord) => boolean,
    signal: AbortSignal,
  ): Promise<{ readonly removed: readonly string[]; readonly bytes: number }>;
}

export interface VolumeRequest {
  readonly name?: string;
  readonly driver?: string;
  readonly driverOptions?: Readonly<Record<string, string>> | null;
  readonly labels?: Readonly<Record<string, string>> | null;
}
