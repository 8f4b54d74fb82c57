import { posix } from "node:path";
import { Fault } from "#base/fault.ts";
import type { ByteText, TarEntry } from "#oci/tar/entry.ts";
import { TarReader, type TarSink } from "#oci/tar/reader.ts";
import { type EvidenceKind, evidenceOf, isUsefulLink, maxBytesOf } from "./evidence.ts";
import { GoBuildInfoSearch } from "./go-build-info.ts";

/** A file that tells about packages, as the topmost layer has it. */
export interface Evidence {
  readonly kind: EvidenceKind;
  readonly bytes: Uint8Array;
  readonly layer: number;
  /** Not read, as it is larger than anything of its kind should be. */
  readonly isTooLarge: boolean;
}

const MAX_FILES = 200_000;
const MAX_TOTAL_BYTES = 256 << 20;
/** Programs that are smaller were not made by Go. */
const MIN_GO_BYTES = 200_000;

/**
 * The files of an image that tell about packages: layers go in, base first, as plain tar streams, and nothing is unpacked. Whiteouts,
 * opaque folders, and whatever takes the place of something below count as they do for a container.
 *
 * @throws {Fault} `invalid` for a broken archive, and for one with more evidence than any image has
 * @see OCI image-spec v1.1.1, layer.md
 */
export class LayerFiles {
  readonly #files = new Map<ByteText, Evidence>();
  readonly #links = new Map<ByteText, { readonly target: ByteText; readonly layer: number }>();
  #layer = -1;
  #bytes = 0;

  async addLayer(tar: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    this.#layer++;
    const sink = new Sink(this);
    const reader = new TarReader(sink);
    for await (const chunk of tar) {
      signal.throwIfAborted();
      reader.write(chunk);
    }
    reader.end();
    this.uncover(sink.gone, sink.emptied);
  }

  /** By path, sorted by its bytes. */
  entries(): readonly (readonly [path: ByteText, evidence: Evidence])[] {
    return Array.from(this.#files).sort(([left], [right]) => (left < right ? -1 : 1));
  }

  /** The file at a path, through symbolic links that were kept. */
  find(path: ByteText): Evidence | undefined {
    let at: ByteText | undefined = path;
    for (let hop = 0; hop < 8 && at !== undefined; hop++) {
      const found = this.#files.get(at);
      if (found !== undefined) return found;
      at = this.#follow(at);
    }
    return undefined;
  }

  #follow(path: ByteText): ByteText | undefined {
    const own = this.#links.get(path);
    if (own !== undefined) return resolveLink(path, own.target);
    const folder = posix.dirname(path);
    const link = this.#links.get(folder);
    return link && posix.join(resolveLink(folder, link.target), posix.basename(path));
  }

  put(path: ByteText, kind: EvidenceKind, bytes: Uint8Array, isTooLarge = false): void {
    this.#bytes += bytes.length;
    if (this.#files.size >= MAX_FILES || this.#bytes > MAX_TOTAL_BYTES)
      throw new Fault("invalid", "the image has more files that describe packages than any image should");
    this.#files.set(path, { kind, bytes, layer: this.#layer, isTooLarge });
  }

  get(path: ByteText): Evidence | undefined {
    return this.#files.get(path);
  }

  link(path: ByteText, target: ByteText): void {
    if (this.#links.size < MAX_FILES) this.#links.set(path, { target, layer: this.#layer });
  }

  /** Makes room for something else at the path. */
  drop(path: ByteText): void {
    this.#bytes -= this.#files.get(path)?.bytes.length ?? 0;
    this.#files.delete(path);
    this.#links.delete(path);
  }

  /** Takes away what layers below the current one have at or below `gone`, and below `emptied`. In one pass, whatever their number. */
  uncover(gone: ReadonlySet<ByteText>, emptied: ReadonlySet<ByteText>): void {
    if (gone.size === 0 && emptied.size === 0) return;
    const isHidden = (path: ByteText) =>
      gone.has(path) || emptied.has("") || foldersOf(path).some((one) => gone.has(one) || emptied.has(one));
    for (const [path, { layer }] of [...this.#files, ...this.#links])
      if (layer < this.#layer && isHidden(path)) this.drop(path);
  }

  has(path: ByteText): boolean {
    return this.#files.has(path) || this.#links.has(path);
  }

  /** Folders that hold evidence, of every depth. */
  folders(): ReadonlySet<ByteText> {
    return new Set([...this.#files.keys(), ...this.#links.keys()].flatMap(foldersOf));
  }
}

/** Takes one layer's entries. */
class Sink implements TarSink {
  readonly #files: LayerFiles;
  /** Paths at and below which the layers below have nothing any more; only those where they have something. */
  readonly gone = new Set<ByteText>();
  readonly emptied = new Set<ByteText>();
  /** Of the layers below. */
  readonly #folders: ReadonlySet<ByteText>;
  #path: ByteText | undefined;
  #kind: EvidenceKind | undefined;
  #bytes: Uint8Array | undefined;
  #go: GoBuildInfoSearch | undefined;

  constructor(files: LayerFiles) {
    this.#files = files;
    this.#folders = files.folders();
  }

  entry(entry: TarEntry): void {
    this.#path = cleanPath(entry.path);
    this.#kind = undefined;
    this.#bytes = undefined;
    this.#go = undefined;
    if (this.#path === undefined) return;
    const name = this.#path.slice(this.#path.lastIndexOf("/") + 1);
    if (name.startsWith(".wh.")) this.#whiteout(this.#path, name);
    else this.#take(this.#path, entry);
  }

  data(bytes: Uint8Array, position: number): void {
    this.#bytes?.set(bytes, position);
    this.#go?.write(bytes);
  }

  endEntry(): void {
    if (this.#path === undefined) return;
    if (this.#kind !== undefined && this.#bytes !== undefined)
      this.#files.put(this.#path, this.#kind, this.#bytes);
    const info = this.#go?.end();
    if (info !== undefined) this.#files.put(this.#path, "go", info);
  }

  #whiteout(path: ByteText, name: string): void {
    const folder = path.slice(0, Math.max(0, path.length - name.length - 1));
    const hidden = posix.join(folder, name.slice(4));
    if (name === ".wh..wh..opq") {
      if (folder === "" || this.#folders.has(folder)) this.emptied.add(folder);
    } else if (!name.startsWith(".wh..wh.") && this.#isBelow(hidden)) this.gone.add(hidden);
  }

  #isBelow(path: ByteText): boolean {
    return this.#folders.has(path) || this.#files.has(path);
  }

  #take(path: ByteText, entry: TarEntry): void {
    if (this.#files.has(path)) this.#files.drop(path);
    else if (entry.type !== "directory" && this.#folders.has(path)) this.gone.add(path);
    if (entry.type === "symlink" && isUsefulLink(path)) this.#files.link(path, entry.linkPath);
    if (entry.type === "link") this.#takeLink(path, entry.linkPath);
    if (entry.type !== "file") return;
    this.#kind = evidenceOf(path);
    if (this.#kind !== undefined) {
      if (entry.size <= maxBytesOf[this.#kind]) this.#bytes = new Uint8Array(entry.size);
      else this.#files.put(path, this.#kind, new Uint8Array(0), true);
    } else if ((entry.mode & 0o111) !== 0 && entry.size >= MIN_GO_BYTES)
      this.#go = new GoBuildInfoSearch(maxBytesOf.go);
  }

  /** A second name of a file is evidence too when the first one was. */
  #takeLink(path: ByteText, target: ByteText): void {
    const kind = evidenceOf(path);
    const source = this.#files.get(cleanPath(target) ?? "");
    if (kind !== undefined && source !== undefined)
      this.#files.put(path, kind, source.bytes, source.isTooLarge);
  }
}

/** Without leading slashes and dots; undefined for what would lead out, or is the root itself. */
function cleanPath(path: ByteText): ByteText | undefined {
  const isPlain =
    !path.startsWith("/") && !path.startsWith(".") && !path.includes("/.") && !path.includes("//");
  const clean = isPlain ? path : posix.normalize(`/${path}`).slice(1);
  const whole = clean.endsWith("/") ? clean.slice(0, -1) : clean;
  return whole === "" || (!isPlain && path.split("/").includes("..")) ? undefined : whole;
}

/** All folders above a path, the nearest first. */
function foldersOf(path: ByteText): readonly ByteText[] {
  const folders: ByteText[] = [];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1))
    folders.push(path.slice(0, at));
  return folders;
}

function resolveLink(path: ByteText, target: ByteText): ByteText {
  return posix.resolve("/", posix.dirname(path), target).slice(1);
}
