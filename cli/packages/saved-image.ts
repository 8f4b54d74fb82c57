import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { Fault } from "#base/fault.ts";
import type { ImageConfig } from "#oci/image-config.ts";
import { parseImageConfig } from "#oci/parse-image-config.ts";
import { asArray, asObject, asString } from "#oci/shape.ts";
import { MAX_DOCUMENT_BYTES, parseStrictJson } from "#oci/strict-json.ts";
import type { TarEntry } from "#oci/tar/entry.ts";
import { TarReader, type TarSink } from "#oci/tar/reader.ts";
import { layerTar } from "#engine/sbom/layer-tar.ts";

interface Place {
  readonly start: number;
  readonly size: number;
}

/** An image as `docker save` gives it, in a temporary file that goes with this object. */
export interface SavedImage extends AsyncDisposable {
  readonly config: ImageConfig;
  /** Base first, as plain tar streams. Each may be read once. */
  layers(): Iterable<AsyncIterable<Uint8Array>>;
}

/**
 * Takes an archive of one image in, to read its layers in their order. Nothing is unpacked.
 *
 * @throws {Fault} `invalid` for what is no such archive
 */
export async function openSavedImage(
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<SavedImage> {
  await using undo = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "gantry-image-"));
  undo.defer(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "image.tar");
  const file = await open(path, "wx+", 0o600);
  undo.use(file);
  const places = await spool(archive, file, signal);
  const [configPath, layerPaths] = partsOf(await readDocument(file, places, "manifest.json"));
  const config = parseImageConfig(await readDocument(file, places, configPath));
  const found = layerPaths.map((name) => placeOf(places, name));
  const cleanup = undo.move();
  return {
    config,
    *layers() {
      for (const { start, size } of found)
        yield layerTar(
          size === 0
            ? nothing()
            : createReadStream(path, { start, end: start + size - 1, highWaterMark: 1 << 18 }),
        );
    },
    [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Writes the archive out and notes where in it each file stands. */
async function spool(archive: AsyncIterable<Uint8Array>, file: FileHandle, signal: AbortSignal) {
  const index = new Index();
  const reader = new TarReader(index);
  for await (const chunk of archive) {
    signal.throwIfAborted();
    index.chunk = chunk;
    reader.write(chunk);
    await file.writeFile(chunk);
    index.before += chunk.length;
  }
  reader.end();
  return index.places;
}

class Index implements TarSink {
  readonly places = new Map<string, Place>();
  /** What is being read, and how many bytes came before it. */
  chunk: Uint8Array = new Uint8Array(0);
  before = 0;
  #entry: TarEntry | undefined;

  entry(entry: TarEntry): void {
    this.#entry = entry;
    const path = clean(entry.path);
    if (entry.type === "file" && entry.size === 0) this.places.set(path, { start: 0, size: 0 });
    if (entry.type !== "symlink" && entry.type !== "link") return;
    // Older daemons save a layer that several images have once, and link to it.
    const target = entry.type === "link" ? entry.linkPath : posix.join(posix.dirname(path), entry.linkPath);
    const place = this.places.get(clean(target));
    if (place !== undefined) this.places.set(path, place);
  }

  data(bytes: Uint8Array, position: number): void {
    if (position !== 0 || this.#entry === undefined) return;
    const start = this.before + bytes.byteOffset - this.chunk.byteOffset;
    this.places.set(clean(this.#entry.path), { start, size: this.#entry.size });
  }

  endEntry(): void {
    this.#entry = undefined;
  }
}

function clean(path: string): string {
  return posix.normalize(`/${path}`).slice(1).replace(/\/$/, "");
}

function placeOf(places: ReadonlyMap<string, Place>, path: string): Place {
  const place = places.get(clean(path));
  if (place === undefined) throw new Fault("invalid", `the image's archive has no ${path.slice(0, 100)}`);
  return place;
}

async function readDocument(
  file: FileHandle,
  places: ReadonlyMap<string, Place>,
  path: string,
): Promise<Buffer> {
  const { start, size } = placeOf(places, path);
  if (size > MAX_DOCUMENT_BYTES) throw new Fault("invalid", `${path.slice(0, 100)} is too large`);
  const bytes = Buffer.alloc(size);
  await file.read(bytes, 0, size, start);
  return bytes;
}

function partsOf(manifest: Buffer): readonly [config: string, layers: readonly string[]] {
  const [first] = asArray(parseStrictJson(manifest, "manifest.json"), "manifest.json", 1000);
  const image = asObject(first, "manifest.json");
  const layers = asArray(image["Layers"], "Layers", 1000).map((path) => asString(path, "Layers"));
  return [asString(image["Config"], "Config"), layers];
}
