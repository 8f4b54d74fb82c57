import type { Readable } from "node:stream";
import type { Descriptor } from "#oci/descriptor.ts";
import type { Digest } from "#oci/digest.ts";
import type { Platform } from "#oci/platform.ts";
import type { ImageConfig, ImageRuntimeConfig } from "#oci/image-config.ts";
import type { TrustedUse } from "#engine/trust/trust-gate.ts";

export interface ImageRecord {
  /** The image ID: the digest of the config. */
  readonly id: Digest;
  readonly manifest: Digest;
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  readonly config: ImageConfig;
  /** Layer descriptors, base first, with the bytes on disk of each when unpacked. */
  readonly layers: readonly (Descriptor & { readonly unpackedSize: number })[];
  /** Chain IDs, base first; the last one is what a container's snapshot has as parent. */
  readonly chainIds: readonly Digest[];
  /** Bytes on disk of its unpacked layers. */
  readonly size: number;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  /** RFC 3339; absent when it never had a name given here. */
  readonly lastTaggedAt?: string;
  /** ID of the image that it was committed on top of. */
  readonly parent?: Digest;
}

/** Asked before an image is used. */
export interface ImageAdmission {
  /**
   * Undefined when there is nothing to ask, as without a policy.
   *
   * @throws {Fault} `forbidden` when the trust policy refuses the image; `precondition` when it was found altered on disk
   */
  using(image: MeantImage, use: TrustedUse, signal: AbortSignal): Promise<void> | undefined;
  /** Whether a policy is in force. */
  readonly hasPolicy: boolean;
}

/** An image as its user means it: by what was typed, and what that came to. */
export interface MeantImage {
  /** A reference or an ID. */
  readonly text: string;
  readonly id: string;
  readonly manifest: string;
}

/** What containers need of images. The rest of the interface is for the API and the CLI. */
export interface ImageResolver {
  /**
   * By reference (`busybox`, `localhost/x:1`, `name@sha256:…`), image ID or unique prefix of one, with or without `sha256:`.
   *
   * @throws {Fault} `not-found` with Docker's text "No such image: X:tag"; `invalid` for a malformed or ambiguous one.
   */
  resolve(name: string): ImageRecord;
  findById(id: Digest): ImageRecord | undefined;
  readonly admission: ImageAdmission;
}

/** How `load`, `import`, pulls and pushes report; the API turns each into a line of its progress stream. */
export interface Progress {
  readonly status?: string;
  readonly stream?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  /** The detail as text, for clients that cannot draw. */
  readonly progress?: string;
  readonly aux?: object;
}

/** `docker commit`: what containers need of images to become one. */
export interface ImageCommitter {
  /**
   * Puts a layer, a plain tar stream, on top of an image. Returns the new image's ID.
   *
   * @throws {Fault} `not-found` when the base is gone; `invalid` for a bad reference, before `layer` is called
   */
  commit(
    layer: () => Promise<Readable> | Readable,
    options: CommitOptions,
    signal: AbortSignal,
  ): Promise<Digest>;
}

export interface CommitOptions {
  readonly base: Digest;
  readonly config: ImageRuntimeConfig;
  readonly reference?: string;
  readonly author?: string;
  readonly comment?: string;
  /** For the history. */
  readonly createdBy: string;
}

export interface ImageUse {
  /** IDs of containers made from the image, running ones told apart. */
  containersOf(imageId: Digest): readonly { readonly id: string; readonly isRunning: boolean }[];
}

export interface RemovedImage {
  readonly Untagged?: string;
  readonly Deleted?: string;
}

export interface LoadOptions {
  readonly report: (progress: Progress) => void;
  /** Images of other platforms are left out; absent: of several of one name the host's is taken. */
  readonly platform?: Platform;
}

export interface Images extends ImageResolver {
  list(): readonly ImageRecord[];
  /** Docker archives and OCI layouts, plain or compressed (gzip, bzip2 and xz if the host has the tool, zstd). */
  load(archive: Readable, options: LoadOptions, signal: AbortSignal): Promise<void>;
  /** A Docker archive that is an OCI layout too, layers shared. @throws {Fault} `not-found` before the first byte */
  save(names: readonly string[], signal: AbortSignal): Promise<Readable>;
  /** `docker import`: a root file system as an image of one layer. Returns the image ID. */
  importRootfs(
    archive: Readable,
    options: {
      readonly reference?: string;
      readonly message?: string;
      readonly changes: readonly string[];
      readonly platform?: string;
    },
    signal: AbortSignal,
  ): Promise<Digest>;
  /** @see ImageCommitter.commit */
  commit: ImageCommitter["commit"];
  /** @throws {Fault} `not-found`, `invalid` */
  tag(name: string, repository: string, tag: string): Promise<void>;
  /** Untags, and deletes what nothing needs any more. @throws {Fault} `not-found`; `conflict` with Docker's texts */
  remove(
    name: string,
    options: { readonly force: boolean; readonly noprune: boolean },
  ): Promise<readonly RemovedImage[]>;
  /** Removes dangling images (all unused ones with `all`). `until` is milliseconds since 1970. */
  prune(filter: {
    readonly all: boolean;
    readonly until?: number;
    readonly matches: (labels: Readonly<Record<string, string>>) => boolean;
  }): Promise<{ readonly removed: readonly RemovedImage[]; readonly bytes: number }>;
}
