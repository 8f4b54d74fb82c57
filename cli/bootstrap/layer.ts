import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Digest, parseDigest } from "#oci/digest.ts";
import { type TarEntry, textOfBytes } from "#oci/tar/entry.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";

/** A file of an image to be: its header, its content read when its turn comes. */
export interface LayerEntry {
  readonly header: TarEntry;
  readonly content: () => Uint8Array;
}

/** The files of an image to be, and its time in seconds since 1970. */
export interface ImageContent {
  readonly entries: Iterable<LayerEntry>;
  readonly seconds: number;
}

export interface Layer {
  /** Of the uncompressed tar. */
  readonly diffId: Digest;
  readonly digest: Digest;
  /** Bytes, compressed. */
  readonly size: number;
  /** Bytes of the uncompressed tar. */
  readonly unpackedSize: number;
}

/** The parts of a header that matter here; the rest is as for a file of root's without links. */
export function layerEntry(
  path: string,
  seconds: number,
  rest: Partial<Omit<TarEntry, "path" | "linkPath" | "size" | "mtime">> & {
    readonly target?: string;
    readonly bytes?: Uint8Array;
  } = {},
): LayerEntry {
  const { target = "", bytes = new Uint8Array(), ...fields } = rest;
  const type = fields.type ?? "file";
  const header: TarEntry = {
    type,
    mode: type === "directory" ? 0o755 : type === "symlink" ? 0o777 : 0o644,
    uid: 0,
    gid: 0,
    major: 0,
    minor: 0,
    ...fields,
    path: pathText(path),
    linkPath: pathText(target),
    size: bytes.length,
    mtime: { seconds, nanoseconds: 0 },
  };
  return { header, content: () => bytes };
}

/** A path as archives hold it. */
export function pathText(path: string): string {
  return textOfBytes(Buffer.from(path));
}

/** Byte order of the paths: the same everywhere, and a folder comes before what is in it. */
export function sortEntries(entries: Iterable<LayerEntry>): readonly LayerEntry[] {
  return [...entries].sort((a, b) =>
    a.header.path < b.header.path ? -1 : a.header.path > b.header.path ? 1 : 0,
  );
}

/** Writes the entries, as they come, as a gzipped tar. The same entries give the same bytes under the same zlib. */
export async function writeLayer(
  entries: Iterable<LayerEntry>,
  path: string,
  signal: AbortSignal,
): Promise<Layer> {
  const plain = createHash("sha256");
  const packed = createHash("sha256");
  let unpackedSize = 0;
  const tar = function* () {
    for (const bytes of tarOf(entries)) {
      plain.update(bytes);
      unpackedSize += bytes.length;
      yield bytes;
    }
  };
  await pipeline(
    Readable.from(tar(), { objectMode: false, highWaterMark: 1 << 20 }),
    createGzip({ level: 6, chunkSize: 1 << 20 }),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        packed.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path),
    { signal },
  );
  const { size } = await stat(path);
  return { diffId: digestOf(plain), digest: digestOf(packed), size, unpackedSize };
}

/** Gathers small pieces: most of a tar is headers. */
function* tarOf(entries: Iterable<LayerEntry>): Generator<Uint8Array> {
  let pending: Uint8Array[] = [];
  let size = 0;
  for (const { header, content } of entries) {
    pending.push(tarHeader(header));
    if (header.type === "file") pending.push(content(), tarPadding(header.size));
    size += header.size + 1024;
    if (size < 1 << 18) continue;
    yield Buffer.concat(pending);
    pending = [];
    size = 0;
  }
  yield Buffer.concat([...pending, tarEnd]);
}

function digestOf(hash: ReturnType<typeof createHash>): Digest {
  return parseDigest(`sha256:${hash.digest("hex")}`);
}
