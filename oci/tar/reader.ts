import { Fault } from "#base/fault.ts";
import { blockSize, type ByteText, type TarEntry, type TarEntryType, textOfBytes } from "./entry.ts";
import { checkedId, invalidTar, isZeroBlock, parseHeader, type RawHeader } from "./header.ts";
import { decimal, type PaxRecords, parsePax, parsePaxTime, xattrPrefix } from "./pax.ts";
import {
  checkFragments,
  extensionOfOldGnu,
  type Fragment,
  SparseMapReader,
  sparseOfOldGnu,
  sparseOfPax,
} from "./sparse.ts";

/** Gets the events of a {@link TarReader}, in order, while it is in `write`. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** A stretch of the current file's content. The bytes are the reader's only until this returns. */
  data(bytes: Uint8Array, position: number): void;
  /** The current entry is whole. Called for every entry. */
  endEntry(): void;
}

export interface TarLimits {
  readonly maxPathBytes: number;
  /** Of one PAX header or GNU long name. */
  readonly maxMetaBytes: number;
  /** Headers of every type. */
  readonly maxEntries: number;
}

export const defaultLimits: TarLimits = { maxPathBytes: 4096, maxMetaBytes: 1 << 20, maxEntries: 2_000_000 };

type State = "header" | "meta" | "extension" | "map" | "data" | "padding" | "zero" | "end";

const typeOf: Readonly<Record<string, TarEntryType>> = {
  "0": "file",
  "1": "link",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  D: "directory",
  S: "file",
};

/** A sparse file whose header has come but whose map has not. */
interface Pending {
  readonly header: RawHeader;
  readonly realSize: number;
  readonly fragments: Fragment[];
}

/**
 * Reads a tar stream of any format in use: V7, ustar, star, GNU (long names, old sparse files), PAX (global and local, binary
 * extended attributes, sparse 0.0, 0.1 and 1.0). Bytes go in by `write`, in pieces of any size; events come out synchronously.
 * Content is passed on without a copy.
 *
 * As in GNU tar and Go, an archive may end without its two zero blocks, provided it ends between entries; what follows them is
 * not looked at.
 *
 * Everything thrown is {Fault} `invalid`: wrong checksums, numbers out of range, records that lie, limits exceeded, an archive
 * that stops in the middle. The reader cannot be used after that.
 *
 * @see POSIX.1-2017, pax; GNU tar manual, appendix "Tar Internals"
 */
export class TarReader {
  readonly #sink: TarSink;
  readonly #limits: TarLimits;
  #state: State = "header";
  readonly #block = new Uint8Array(blockSize);
  #blockFill = 0;
  #entries = 0;

  #metaType = "";
  #meta: Uint8Array = new Uint8Array(0);
  #metaFill = 0;
  #global: PaxRecords = [];
  #local: PaxRecords | undefined;
  #longPath: ByteText | undefined;
  #longLink: ByteText | undefined;

  #pending: Pending | undefined;
  #map = new SparseMapReader();
  #fragments: readonly Fragment[] = [];
  #fragmentIndex = 0;
  #fragmentUsed = 0;
  #position = 0;
  #isSparse = false;
  #remaining = 0;
  #padding = 0;
  /** Some of the current padding has come. */
  #hasPadding = false;

  constructor(sink: TarSink, limits: TarLimits = defaultLimits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  write(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      switch (this.#state) {
        case "data":
          at = this.#readData(chunk, at);
          break;
        case "meta":
          at = this.#readMeta(chunk, at);
          break;
        case "padding":
          at = this.#readPadding(chunk, at);
          break;
        case "header":
        case "extension":
        case "map":
        case "zero":
          at = this.#readBlock(chunk, at);
          break;
        case "end":
          return;
        default:
          this.#state satisfies never;
      }
    }
  }

  /** The stream is over. @throws {Fault} `invalid` "unexpected EOF" in the middle of something */
  end(): void {
    // Go's writer, when nobody closes it, leaves even the last padding out: so does the docker CLI with a Dockerfile of elsewhere.
    const isBetween =
      (this.#state === "header" ||
        this.#state === "zero" ||
        (this.#state === "padding" && !this.#hasPadding)) &&
      this.#blockFill === 0 &&
      !this.#hasLooseMeta();
    if (this.#state !== "end" && !isBetween) throw new Fault("invalid", "unexpected EOF");
  }

  #readBlock(chunk: Uint8Array, at: number): number {
    if (this.#blockFill === 0 && chunk.length - at >= blockSize) {
      this.#takeBlock(chunk.subarray(at, at + blockSize));
      return at + blockSize;
    }
    const taken = Math.min(blockSize - this.#blockFill, chunk.length - at);
    this.#block.set(chunk.subarray(at, at + taken), this.#blockFill);
    this.#blockFill += taken;
    if (this.#blockFill === blockSize) {
      this.#blockFill = 0;
      this.#takeBlock(this.#block);
    }
    return at + taken;
  }

  #takeBlock(block: Uint8Array): void {
    if (this.#state === "extension") this.#takeExtension(block);
    else if (this.#state === "map") this.#takeMap(block);
    else if (block[0] === 0 && isZeroBlock(block)) this.#takeZeroBlock();
    else if (this.#state === "zero") throw invalidTar("an entry after the end");
    else this.#takeHeader(block);
  }

  #takeZeroBlock(): void {
    if (this.#hasLooseMeta()) throw invalidTar("an extended header without an entry");
    this.#state = this.#state === "zero" ? "end" : "zero";
  }

  #hasLooseMeta(): boolean {
    return this.#local !== undefined || this.#longPath !== undefined || this.#longLink !== undefined;
  }

  #takeHeader(block: Uint8Array): void {
    if (++this.#entries > this.#limits.maxEntries)
      throw new Fault("invalid", `archive has more than ${this.#limits.maxEntries} entries`);
    const header = parseHeader(block);
    if ("xgXLK".includes(header.type)) return this.#startMeta(header);
    if (header.type === "V") return this.#skip(header.size);
    if (header.type === "S") return this.#startOldSparse(header, block);
    this.#startEntry(header);
  }

  #skip(size: number): void {
    this.#remaining = 0;
    this.#padding = size + padding(size);
    this.#state = this.#padding === 0 ? "header" : "padding";
  }

  #startMeta(header: RawHeader): void {
    if (header.size > this.#limits.maxMetaBytes)
      throw invalidTar(`an extended header of more than ${this.#limits.maxMetaBytes} bytes`);
    this.#metaType = header.type;
    this.#meta = new Uint8Array(header.size);
    this.#metaFill = 0;
    this.#state = "meta";
    if (header.size === 0) this.#endMeta();
  }

  #readMeta(chunk: Uint8Array, at: number): number {
    const taken = Math.min(this.#meta.length - this.#metaFill, chunk.length - at);
    this.#meta.set(chunk.subarray(at, at + taken), this.#metaFill);
    this.#metaFill += taken;
    if (this.#metaFill === this.#meta.length) this.#endMeta();
    return at + taken;
  }

  #endMeta(): void {
    const type = this.#metaType;
    if (type === "x" || type === "X") this.#local = parsePax(this.#meta);
    else if (type === "g") this.#global = mergeGlobal(this.#global, parsePax(this.#meta));
    else if (type === "L") this.#longPath = untilNul(this.#meta);
    else this.#longLink = untilNul(this.#meta);
    this.#padding = padding(this.#meta.length);
    this.#state = this.#padding === 0 ? "header" : "padding";
  }

  #startOldSparse(header: RawHeader, block: Uint8Array): void {
    const sparse = sparseOfOldGnu(block);
    this.#pending = { header, realSize: sparse.realSize, fragments: [...sparse.fragments] };
    if (sparse.isExtended) this.#state = "extension";
    else this.#startSparse(this.#pending, header.size);
  }

  #takeExtension(block: Uint8Array): void {
    const pending = this.#pending as Pending;
    const { fragments, isExtended } = extensionOfOldGnu(block);
    pending.fragments.push(...fragments);
    if (pending.fragments.length > 100_000) throw invalidTar("a sparse map that is too long");
    if (!isExtended) this.#startSparse(pending, pending.header.size);
  }

  #takeMap(block: Uint8Array): void {
    const pending = this.#pending as Pending;
    const fragments = this.#map.add(block);
    if (this.#map.length > pending.header.size) throw invalidTar("a sparse map longer than its file");
    if (fragments === undefined) return;
    pending.fragments.push(...fragments);
    this.#startSparse(pending, pending.header.size - this.#map.length);
  }

  #startSparse({ header, realSize, fragments }: Pending, storedSize: number): void {
    checkFragments(fragments, realSize, storedSize);
    this.#pending = undefined;
    this.#fragments = fragments;
    this.#fragmentIndex = 0;
    this.#fragmentUsed = 0;
    this.#isSparse = true;
    this.#announce(header, "file", realSize, storedSize);
  }

  #startEntry(raw: RawHeader): void {
    const type = typeOf[raw.type];
    if (type === undefined) throw invalidTar(`unhandled type ${JSON.stringify(raw.type)}`);
    const records = this.#records();
    const size = records.has("size") ? decimal(records.get("size") ?? "", "size") : raw.size;
    if (type !== "file") return this.#announce(raw, type, 0, raw.type === "D" ? size : 0);
    const sparse = records.size === 0 ? undefined : sparseOfPax(records, this.#local ?? []);
    this.#isSparse = false;
    if (sparse === undefined) return this.#announce(raw, "file", size, size);
    const header = { ...raw, size };
    const pending = { header, realSize: sparse.realSize, fragments: [...sparse.fragments] };
    if (!sparse.needsMap) return this.#startSparse(pending, size);
    this.#pending = pending;
    this.#map = new SparseMapReader();
    this.#state = "map";
  }

  #announce(raw: RawHeader, type: TarEntryType, size: number, storedSize: number): void {
    const entry = this.#entryOf(raw, type, size);
    this.#local = undefined;
    this.#longPath = undefined;
    this.#longLink = undefined;
    this.#sink.entry(entry);
    this.#position = 0;
    this.#padding = padding(storedSize);
    if (type === "file") {
      this.#remaining = storedSize;
      if (storedSize > 0) this.#state = "data";
      else this.#endEntry();
    } else {
      this.#sink.endEntry();
      this.#skip(storedSize);
    }
  }

  #records(): ReadonlyMap<string, string> {
    if (this.#local === undefined && this.#global.length === 0) return noRecords;
    const records = new Map(this.#global);
    for (const [key, value] of this.#local ?? []) {
      // An empty value takes back what a global header said; for an attribute it is a value like any other.
      if (value === "" && !key.startsWith(xattrPrefix)) records.delete(key);
      else records.set(key, value);
    }
    return records;
  }

  #entryOf(raw: RawHeader, type: TarEntryType, size: number): TarEntry {
    const records = this.#records();
    const path = records.get("GNU.sparse.name") ?? records.get("path") ?? this.#longPath ?? raw.path;
    const linkPath = records.get("linkpath") ?? this.#longLink ?? raw.linkPath;
    const { maxPathBytes } = this.#limits;
    if (path.length > maxPathBytes || linkPath.length > maxPathBytes)
      throw invalidTar(`a path of more than ${maxPathBytes} bytes`);
    if (path === "") throw invalidTar("an entry without a name");
    const base = {
      type,
      path,
      linkPath: type === "link" || type === "symlink" ? linkPath : "",
      mode: raw.mode,
      size,
      major: raw.major,
      minor: raw.minor,
    };
    if (records.size === 0) return { ...base, uid: raw.uid, gid: raw.gid, mtime: raw.mtime };
    const [uid, gid, mtime, atime] = ["uid", "gid", "mtime", "atime"].map((key) => records.get(key));
    const xattrs = xattrsOf(records);
    return {
      ...base,
      uid: uid === undefined ? raw.uid : checkedId(decimal(uid, "uid")),
      gid: gid === undefined ? raw.gid : checkedId(decimal(gid, "gid")),
      mtime: mtime === undefined ? raw.mtime : parsePaxTime(mtime),
      ...(atime === undefined ? {} : { atime: parsePaxTime(atime) }),
      ...(xattrs === undefined ? {} : { xattrs }),
    };
  }

  #readData(chunk: Uint8Array, at: number): number {
    let length = Math.min(this.#remaining, chunk.length - at);
    let position = this.#position;
    if (this.#isSparse) {
      let fragment = this.#fragments[this.#fragmentIndex] as Fragment;
      while (this.#fragmentUsed === fragment.length) {
        fragment = this.#fragments[++this.#fragmentIndex] as Fragment;
        this.#fragmentUsed = 0;
      }
      length = Math.min(length, fragment.length - this.#fragmentUsed);
      position = fragment.offset + this.#fragmentUsed;
      this.#fragmentUsed += length;
    }
    this.#sink.data(chunk.subarray(at, at + length), position);
    this.#position += length;
    this.#remaining -= length;
    if (this.#remaining === 0) this.#endEntry();
    return at + length;
  }

  #endEntry(): void {
    this.#sink.endEntry();
    this.#state = this.#padding === 0 ? "header" : "padding";
  }

  #readPadding(chunk: Uint8Array, at: number): number {
    const taken = Math.min(this.#padding, chunk.length - at);
    this.#padding -= taken;
    this.#hasPadding = this.#padding > 0;
    if (this.#padding === 0) this.#state = "header";
    return at + taken;
  }
}

const noRecords: ReadonlyMap<string, string> = new Map();

function padding(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

function untilNul(bytes: Uint8Array): ByteText {
  const end = bytes.indexOf(0);
  return textOfBytes(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Later records win; sparse ones make no sense for more than one file. */
function mergeGlobal(before: PaxRecords, more: PaxRecords): PaxRecords {
  const merged = new Map(before);
  for (const [key, value] of more) {
    if (value === "") merged.delete(key);
    else if (!key.startsWith("GNU.sparse.")) merged.set(key, value);
  }
  return [...merged];
}

function xattrsOf(records: ReadonlyMap<string, string>): ReadonlyMap<ByteText, Uint8Array> | undefined {
  let xattrs: Map<ByteText, Uint8Array> | undefined;
  for (const [key, value] of records) {
    if (!key.startsWith(xattrPrefix) || key.length === xattrPrefix.length) continue;
    xattrs ??= new Map();
    const bytes = new Uint8Array(value.length);
    for (let index = 0; index < value.length; index++) bytes[index] = value.charCodeAt(index);
    xattrs.set(key.slice(xattrPrefix.length), bytes);
  }
  return xattrs;
}
