import type { FaultKind } from "#base/fault.ts";
import type { IdRange } from "#base/id-range.ts";
import type { Digest } from "#oci/digest.ts";
import type { OverlayMount } from "../snapshotter.ts";

/** A host folder or file that is laid over the tree, as a volume is. */
export interface Bind {
  readonly source: string;
  /** Absolute, inside the tree. Made when it is missing. */
  readonly destination: string;
  readonly isReadOnly: boolean;
}

/** The tree that a job works in. */
export type RootSpec =
  | {
      /** A container that does not run, or an image: mounted by the worker for itself, gone with it. */
      readonly kind: "overlay";
      /** {@link Snapshotter.root} */
      readonly snapshots: string;
      readonly mount: OverlayMount;
      readonly binds: readonly Bind[];
    }
  | {
      /** What a running process sees. `startTime` is field 22 of its /proc/PID/stat. */
      readonly kind: "process";
      readonly pid: number;
      readonly startTime: string;
      /** Of its user namespace; archives have its IDs, not the host's. */
      readonly ids?: IdRange;
    }
  | {
      /** A folder of the host's, such as a volume's. */
      readonly kind: "folder";
      readonly path: string;
    };

export interface Arriving {
  readonly path: string;
  readonly size: number;
  readonly job: number;
}

/** What one worker process is asked to do; one line of JSON on its descriptor 3. */
export type RootedJob =
  | {
      /** Not on disk when it is done: a `sync` follows before anybody relies on it. */
      readonly do: "unpack";
      readonly snapshots: string;
      /** Folder of the new layer, relative to `snapshots`; has empty folders `fs` and `work`. */
      readonly folder: string;
      /** Layers below, top first; empty for a base layer. */
      readonly lower: readonly string[];
      /** Names of its file: the first that is there is it. */
      readonly blob: readonly string[];
      readonly diffId: Digest;
      /** Where the blob is while it comes; how much of it can be read comes on descriptor 0, under the number `job`. Then it is at `blob`. */
      readonly arriving?: Arriving;
      /** `lower` is not known yet: it is asked for, by a head of `lower`, when it is needed. */
      readonly lacksLower?: boolean;
    }
  | { readonly do: "export"; readonly root: RootSpec }
  | { readonly do: "pack"; readonly root: RootSpec; readonly path: string }
  | { readonly do: "stat"; readonly root: RootSpec; readonly path: string }
  | {
      readonly do: "extract";
      readonly root: RootSpec;
      readonly path: string;
      readonly noOverwriteDirNonDir: boolean;
      /** Who owns what is made; absent: as the archive says. */
      readonly owner?: { readonly uid: number; readonly gid: number };
      /** Whether the archive's own root says owner, mode and times of the destination. */
      readonly setsDestination?: boolean;
    }
  | {
      readonly do: "changes" | "diff";
      readonly snapshots: string;
      readonly mount: OverlayMount;
      readonly placeholders: readonly string[];
    }
  | {
      /** Turns what a container wrote into a layer, where it is. */
      readonly do: "finish";
      readonly snapshots: string;
      readonly mount: OverlayMount;
      readonly placeholders: readonly string[];
      /** A new file, for the layer's archive. */
      readonly archive: string;
    }
  | {
      /** As `pack`, of what the layers make together, into a new file. */
      readonly do: "copy";
      readonly snapshots: string;
      readonly mount: OverlayMount;
      readonly path: string;
      readonly archive: string;
    }
  | {
      /** Everything in the file system of that folder is on disk when it is done. */
      readonly do: "sync";
      readonly folder: string;
    };

/** What the head of a job asks that lacks its `lower`; the answer is a line of JSON, the list. */
export const lowerWanted = "lower";

/** What a worker does that stays: all but what talks by streams, or enters other places than layers. */
export type ResidentJob = Extract<RootedJob, { readonly do: "unpack" | "finish" | "copy" | "sync" }>;

/** What a worker does that ends with it. */
export type SingleJob = Exclude<RootedJob, ResidentJob>;

/** Lines of JSON that come back on descriptor 3. The last one is `done` or `fault`. */
export type RootedReply<Result = unknown> =
  | { readonly head: unknown }
  | { readonly done: Result }
  | { readonly fault: { readonly kind: FaultKind; readonly message: string } };

/** Kind 0 modified, 1 added, 2 deleted. @see Docker Engine API v1.51, definition FilesystemChange */
export interface PathChange {
  readonly Path: string;
  readonly Kind: 0 | 1 | 2;
}

export interface UnpackResult {
  /** Bytes on disk, files rounded up to 4 KiB. */
  readonly bytes: number;
}

export interface FinishedLayer {
  /** Of the archive. */
  readonly digest: Digest;
  readonly size: number;
  /** Bytes on disk, files rounded up to 4 KiB. */
  readonly bytes: number;
}
