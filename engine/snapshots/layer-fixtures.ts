import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Digest } from "#oci/digest.ts";
import type { TarEntry } from "#oci/tar/entry.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";
import type { LayerSource } from "./snapshotter.ts";

/** An entry for tests: what is left out is an ordinary file of root. */
export type Fixture = Partial<TarEntry> & { readonly path: string; readonly content?: string | Buffer };

/** A tar archive of the entries. */
export function tarOf(entries: readonly Fixture[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { content = "", ...entry } of entries) {
    const bytes = Buffer.from(content as string);
    parts.push(
      tarHeader({
        type: "file",
        linkPath: "",
        mode: entry.type === "directory" ? 0o755 : 0o644,
        uid: 0,
        gid: 0,
        mtime: { seconds: 1_000_000_000, nanoseconds: 0 },
        major: 0,
        minor: 0,
        size: bytes.length,
        ...entry,
      }),
      bytes,
      tarPadding(bytes.length),
    );
  }
  return Buffer.concat([...parts, tarEnd]);
}

export function digestOf(bytes: Buffer | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest;
}

let written = 0;

/** Writes a layer's blob into the folder. Its diff ID is right unless another one is given. */
export function blobOf(
  folder: string,
  archive: Buffer,
  options: { readonly compression?: "gzip" | "zstd"; readonly diffId?: Digest } = {},
): LayerSource {
  const path = join(folder, `blob-${++written}`);
  const { compression } = options;
  const bytes =
    compression === undefined
      ? archive
      : compression === "gzip"
        ? gzipSync(archive)
        : zstdCompressSync(archive);
  writeFileSync(path, bytes);
  const suffix = compression === undefined ? "" : `+${compression}`;
  return {
    paths: [path],
    mediaType: `application/vnd.oci.image.layer.v1.tar${suffix}`,
    diffId: options.diffId ?? digestOf(archive),
  };
}
