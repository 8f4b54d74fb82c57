import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type Digest, hexOf, parseDigest } from "#oci/digest.ts";
import type { ImageConfig, ImageRuntimeConfig } from "#oci/image-config.ts";
import { mediaTypes } from "#oci/media-types.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";
import { type Layer, layerEntry } from "./layer.ts";

/** An image of one layer, before it is an archive. */
export interface ImagePlan {
  /** With its tag, e.g. `static:latest`. */
  readonly reference: string;
  readonly architecture: "amd64" | "arm64";
  /** Seconds since 1970. */
  readonly created: number;
  readonly createdBy: string;
  readonly config: ImageRuntimeConfig;
  readonly layer: Layer;
}

export interface ImageArchive {
  /** Digest of the config: the same packages give the same one. */
  readonly id: Digest;
  readonly manifest: Digest;
  /** A tar that is at once an OCI layout and an archive of `docker save`. */
  stream(layerPath: string): AsyncIterable<Uint8Array>;
}

/** @see OCI image-spec v1.1.1, image-layout.md; docker save writes the same with `manifest.json` beside it */
export function planArchive(plan: ImagePlan): ImageArchive {
  const config = jsonBlob(configOf(plan));
  const manifest = jsonBlob({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: config.digest, size: config.bytes.length },
    layers: [{ mediaType: mediaTypes.ociLayerGzip, digest: plan.layer.digest, size: plan.layer.size }],
  });
  const files: readonly (readonly [string, Uint8Array])[] = [
    ["oci-layout", jsonBytes({ imageLayoutVersion: "1.0.0" })],
    ["index.json", jsonBytes(indexOf(plan, manifest))],
    [
      "manifest.json",
      jsonBytes([
        {
          Config: blobPath(config.digest),
          RepoTags: [plan.reference],
          Layers: [blobPath(plan.layer.digest)],
        },
      ]),
    ],
    [blobPath(config.digest), config.bytes],
    [blobPath(manifest.digest), manifest.bytes],
  ];
  return {
    id: config.digest,
    manifest: manifest.digest,
    stream: (layerPath) => archiveOf(plan, files, layerPath),
  };
}

function configOf(plan: ImagePlan): ImageConfig {
  const created = new Date(plan.created * 1000).toISOString().replace(".000Z", "Z");
  return {
    created,
    architecture: plan.architecture,
    ...(plan.architecture === "arm64" ? { variant: "v8" } : {}),
    os: "linux",
    config: plan.config,
    rootfs: { type: "layers", diff_ids: [plan.layer.diffId] },
    history: [{ created, created_by: plan.createdBy }],
  };
}

function indexOf(plan: ImagePlan, manifest: Blob) {
  const tag = plan.reference.slice(plan.reference.indexOf(":") + 1);
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [
      {
        mediaType: mediaTypes.ociManifest,
        digest: manifest.digest,
        size: manifest.bytes.length,
        platform: { architecture: plan.architecture, os: "linux" },
        annotations: {
          "io.containerd.image.name": `docker.io/library/${plan.reference}`,
          "org.opencontainers.image.ref.name": tag,
        },
      },
    ],
  };
}

async function* archiveOf(
  plan: ImagePlan,
  files: readonly (readonly [string, Uint8Array])[],
  layerPath: string,
): AsyncGenerator<Uint8Array> {
  for (const folder of ["blobs", "blobs/sha256"])
    yield tarHeader(layerEntry(folder, plan.created, { type: "directory" }).header);
  for (const [path, bytes] of files) {
    yield tarHeader(layerEntry(path, plan.created, { bytes }).header);
    yield bytes;
    yield tarPadding(bytes.length);
  }
  const { size, digest } = plan.layer;
  yield tarHeader({ ...layerEntry(blobPath(digest), plan.created).header, size });
  yield* createReadStream(layerPath, { highWaterMark: 1 << 20 });
  yield tarPadding(size);
  yield tarEnd;
}

interface Blob {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

function jsonBlob(value: object): Blob {
  const bytes = jsonBytes(value);
  return { bytes, digest: parseDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`) };
}

function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
