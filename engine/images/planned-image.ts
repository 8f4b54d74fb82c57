import { Fault } from "#base/fault.ts";
import { chainIdsOf } from "#oci/chain-id.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import type { ImageConfig } from "#oci/image-config.ts";
import { mediaTypes } from "#oci/media-types.ts";
import type { Reference } from "#oci/reference.ts";
import { sha256Of } from "#engine/content/sha256.ts";
import type { StoredArtifact } from "./image-store.ts";

/** An image whose blobs are all in the store, before its layers are unpacked. */
export interface PlannedImage {
  readonly id: Digest;
  readonly config: ImageConfig;
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  readonly layers: readonly PlannedLayer[];
  readonly names: readonly Reference[];
  /** What the names stand for: the index that led to the image, where one did. */
  readonly target?: Digest;
  /** Indexes that led to it. */
  readonly indexes?: readonly StoredArtifact[];
}

export interface PlannedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly chainId: Digest;
}

/** Indexes that lead to a manifest, the outermost first, as what is kept of them. */
export function indexArtifacts(indexes: readonly Descriptor[], manifest: Digest): readonly StoredArtifact[] {
  return indexes.map(({ mediaType, digest, size }, at) => ({
    kind: "index",
    descriptor: { mediaType, digest, size },
    subject: indexes[at + 1]?.digest ?? manifest,
    blobs: [],
  }));
}

/** Docker's limit, so that what runs here runs there, and the other way round. */
const MAX_LAYERS = 127;

const layerTypes: ReadonlySet<string> = new Set([
  mediaTypes.ociLayer,
  mediaTypes.ociLayerGzip,
  mediaTypes.ociLayerZstd,
  mediaTypes.dockerLayerGzip,
  "application/vnd.docker.image.rootfs.diff.tar",
  "application/vnd.oci.image.layer.nondistributable.v1.tar",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
  "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
]);

/**
 * Layers as the config orders them.
 *
 * @throws {Fault} `invalid` when there are not as many as the config says, or too many
 */
export function planLayers(config: ImageConfig, descriptors: readonly Descriptor[]): readonly PlannedLayer[] {
  const diffIds = config.rootfs.diff_ids.map(parseDigest);
  if (diffIds.length !== descriptors.length)
    throw new Fault(
      "invalid",
      `invalid manifest, layers length mismatch: expected ${descriptors.length}, got ${diffIds.length}`,
    );
  if (diffIds.length > MAX_LAYERS) throw new Fault("invalid", "max depth exceeded");
  const chainIds = chainIdsOf(diffIds, sha256Of);
  return descriptors.map((descriptor, index) => {
    if (!layerTypes.has(descriptor.mediaType))
      throw new Fault("invalid", `unsupported layer media type ${descriptor.mediaType.slice(0, 100)}`);
    return { descriptor, diffId: diffIds[index] as Digest, chainId: chainIds[index] as Digest };
  });
}
