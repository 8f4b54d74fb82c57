import type { Arrival } from "#engine/content/arrival.ts";
import type { Digest } from "#oci/digest.ts";

/**
 * An overlay of folders, all relative to {@link Snapshotter.root} so that the mount options of many layers stay under a page.
 * `lower` is ordered top first, as overlayfs wants it.
 */
export interface OverlayMount {
  readonly lower: readonly string[];
  /** Absent for a read-only view. */
  readonly upper?: string;
  readonly work?: string;
}

export interface LayerSource {
  /** The names of the blob's file: the first that is there is it. */
  readonly paths: readonly string[];
  /** From the descriptor: decides between gzip, zstd and plain; what the bytes say wins where a peer's archive lies about it. */
  readonly mediaType: string;
  /** What the image config says that the uncompressed layer's digest is. */
  readonly diffId: Digest;
  /** What is not there yet; absent when both the blob and the parent are. */
  readonly early?: EarlyLayer;
  /** The layer is of no use to who does not call {@link Snapshotter.settle}: it is there, but not on disk yet. */
  readonly isVolatile?: boolean;
}

/** What a container wrote, as a layer. */
export interface FinishedSnapshot {
  /** Of the archive, which is plain. */
  readonly digest: Digest;
  readonly size: number;
  /** Bytes on disk. */
  readonly bytes: number;
}

/** Lets a layer be unpacked before it may be: it becomes one when `ready` resolves, and nothing stays when that rejects. */
export interface EarlyLayer {
  /** The blob as it comes; absent when it is there. */
  readonly arrival?: Arrival;
  /** Resolves when the blob is whole and verified, and the parent is a layer. */
  readonly ready: Promise<unknown>;
  /** Resolves when the parent is a layer. */
  readonly parentReady: Promise<unknown>;
}

/**
 * File systems over layers. A *layer* is committed, read-only, shared, and named by its chain ID; a *container* snapshot is
 * the writable folder of one container, named by the container's ID.
 *
 * Folders are `<root>/snapshots/<n>/fs` (and `work` for writable ones); n is never used twice. The row in the database is the
 * truth: a folder without a row is rubbish that {@link Snapshotter.reconcile} removes, so a kill at any point leaks nothing.
 *
 * @see OCI image-spec v1.1.1, config.md#layer-chainid and layer.md
 */
export interface Snapshotter {
  /** `<root>/snapshots`. */
  readonly root: string;
  hasLayer(chainId: Digest): boolean;
  /**
   * Unpacks the layer on top of `parent`, in a process of its own that is locked into the folder. Doing it twice, or twice at
   * once, gives one layer. With `early`, work may begin before blob and parent are there.
   *
   * @throws {Fault} `invalid` for an archive that is truncated, lies, bombs, escapes or does not match `diffId`; `exhausted`
   *   when the disk is full. Nothing is left behind then.
   */
  unpack(
    chainId: Digest,
    parent: Digest | undefined,
    source: LayerSource,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * What of an unpacked layer is not as its archive says, a line each. Unpacks the archive once more, beside it, to compare.
   *
   * @throws {Fault} `not-found`; as {@link Snapshotter.unpack} for the archive
   */
  verify(chainId: Digest, source: LayerSource, signal: AbortSignal): Promise<readonly string[]>;
  /** Makes the writable folder of a container. @throws {Fault} `not-found` when the parent is not there; `already-exists` */
  prepare(containerId: string, parent: Digest | undefined, signal: AbortSignal): Promise<void>;
  /**
   * Writes what a container that is no more has changed to the new file `archive`, and makes its folder what that would be
   * unpacked: {@link Snapshotter.turn} makes a layer of it then.
   *
   * @param placeholders mount points that the runtime made; they do not count while they are empty
   */
  finish(
    containerId: string,
    archive: string,
    placeholders: readonly string[],
    signal: AbortSignal,
  ): Promise<FinishedSnapshot>;
  /** Makes a layer, volatile as in {@link LayerSource}, of a finished snapshot, which is gone then. */
  turn(containerId: string, chainId: Digest, finished: FinishedSnapshot): Promise<void>;
  /**
   * Writes a file or folder of a layer, with what is below, to the new file `archive`: its root is the path's last part; of a path that
   * ends in `/.`, the content of the folder.
   *
   * @throws {Fault} `not-found`; `exhausted` when the disk is full
   */
  copyOut(chainId: Digest, path: string, archive: string, signal: AbortSignal): Promise<void>;
  /** Brings volatile layers to the disk: they survive a power cut from then on. */
  settle(): Promise<void>;
  /** Of a container's snapshot or, read-only, of a layer. @throws {Fault} `not-found` */
  mountOf(key: string): OverlayMount;
  /** Bytes on disk of one snapshot without its parents. */
  usage(key: string): Promise<number>;
  /** @throws {Fault} `not-found`; `conflict` while another snapshot has it as its parent */
  remove(key: string): Promise<void>;
  /** Layers that nothing has as parent, and containers: what garbage collection starts from. */
  list(): readonly { readonly key: string; readonly kind: "layer" | "container"; readonly parent?: string }[];
  /** Removes folders without a row and rows without a folder. Called once, before anything else. */
  reconcile(): Promise<void>;
}
