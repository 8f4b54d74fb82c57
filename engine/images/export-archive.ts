import type { Descriptor } from "#oci/descriptor.ts";
import { type Digest, hexOf } from "#oci/digest.ts";
import { mediaTypes } from "#oci/media-types.ts";
import { familiarReference, formatReference, type Reference } from "#oci/reference.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";

/** Reads a blob that is there. */
export type ReadBlob = (digest: Digest) => AsyncIterable<Uint8Array>;

/** A manifest or index, and everything that belongs to it. */
export interface ArchivedImage {
  readonly descriptor: Descriptor;
  /** With the manifest, and each other one. */
  readonly blobs: readonly Descriptor[];
  /** For `docker load`. */
  readonly image: { readonly id: Digest; readonly layers: readonly Descriptor[] } | undefined;
}

/**
 * An archive with an OCI layout of the image, and for `docker load` what that looks for in older versions. The same image gives the
 * same bytes.
 */
export async function* archiveOfExport(
  { descriptor, blobs, image }: ArchivedImage,
  names: readonly Reference[],
  read: ReadBlob,
): AsyncGenerator<Uint8Array> {
  yield* text("oci-layout", { imageLayoutVersion: "1.0.0" });
  yield* text("index.json", {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: indexEntries(descriptor, names),
  });
  if (image !== undefined) {
    const { id, layers } = image;
    const entry = {
      Config: pathOf(id),
      RepoTags: names.length === 0 ? null : names.map(familiarReference),
      Layers: layers.map(({ digest }) => pathOf(digest)),
    };
    yield* text("manifest.json", [entry]);
  }
  for (const path of ["blobs", "blobs/sha256"]) yield header(path, "directory", 0);
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  for (const [digest, size] of sizes) {
    yield header(pathOf(digest), "file", size);
    yield* read(digest);
    yield tarPadding(size);
  }
  yield tarEnd;
}

function indexEntries(descriptor: Descriptor, names: readonly Reference[]): readonly Descriptor[] {
  if (names.length === 0) return [descriptor];
  return names.map((name) => ({
    ...descriptor,
    annotations: {
      ...descriptor.annotations,
      "io.containerd.image.name": formatReference(name),
      "org.opencontainers.image.ref.name": name.tag ?? "",
    },
  }));
}

function* text(path: string, value: object): Generator<Uint8Array> {
  const bytes = Buffer.from(JSON.stringify(value));
  yield header(path, "file", bytes.length);
  yield bytes;
  yield tarPadding(bytes.length);
}

function header(path: string, type: "file" | "directory", size: number): Uint8Array {
  const mode = type === "file" ? 0o644 : 0o755;
  const mtime = { seconds: 0, nanoseconds: 0 };
  return tarHeader({ type, path, linkPath: "", mode, uid: 0, gid: 0, size, mtime, major: 0, minor: 0 });
}

function pathOf(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
