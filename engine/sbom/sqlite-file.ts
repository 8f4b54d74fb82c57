import { Fault } from "#base/fault.ts";

export type SqliteValue = number | string | Uint8Array | null;

const MAX_DEPTH = 32;
const MAX_COLUMNS = 100;

/**
 * Reads tables of an SQLite database that is in memory. For files that others wrote: nothing but their bytes is used, and a page is
 * followed once at most, so that broken ones end. What is in a write-ahead log beside it is not seen.
 *
 * @throws {Fault} `invalid` wherever the bytes make no sense
 * @see https://www.sqlite.org/fileformat2.html
 */
export class SqliteFile {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #pageSize: number;
  readonly #usable: number;
  readonly #seen = new Set<number>();

  constructor(bytes: Uint8Array) {
    const magic = new TextDecoder("latin1").decode(bytes.subarray(0, 16));
    if (bytes.length < 512 || magic !== "SQLite format 3\0") throw malformed("not an SQLite database");
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const size = this.#view.getUint16(16);
    this.#pageSize = size === 1 ? 65_536 : size;
    this.#usable = this.#pageSize - (bytes[20] ?? 0);
    const isPower = (this.#pageSize & (this.#pageSize - 1)) === 0;
    if (!isPower || this.#pageSize < 512 || this.#usable < 480) throw malformed();
  }

  /** The rows of a table, each with its columns; the one that is the row's number is null. */
  *rows(table: string): Generator<readonly SqliteValue[]> {
    this.#seen.clear();
    for (const [type, name, , root] of this.#tree(1, 0))
      if (type === "table" && name === table && typeof root === "number") return yield* this.#tree(root, 0);
    throw malformed(`no table ${table}`);
  }

  *#tree(page: number, depth: number): Generator<readonly SqliteValue[]> {
    const start = this.#startOf(page);
    if (depth > MAX_DEPTH) throw malformed();
    const head = page === 1 ? start + 100 : start;
    const kind = this.#byte(head);
    const count = this.#u16(head + 3);
    if (kind !== 5 && kind !== 13) throw malformed();
    const pointers = head + (kind === 5 ? 12 : 8);
    for (let index = 0; index < count; index++) {
      const cell = start + this.#u16(pointers + 2 * index);
      if (kind === 5) yield* this.#tree(this.#u32(cell), depth + 1);
      else yield this.#record(cell);
    }
    if (kind === 5) yield* this.#tree(this.#u32(head + 8), depth + 1);
  }

  /** A cell of a leaf: length, row number, payload, and the first page of what did not fit. */
  #record(cell: number): readonly SqliteValue[] {
    const length = this.#varint(cell);
    const row = this.#varint(length.end);
    const size = length.value;
    if (size > this.#bytes.length) throw malformed();
    const most = this.#usable - 35;
    const least = Math.floor(((this.#usable - 12) * 32) / 255) - 23;
    const surplus = least + ((size - least) % (this.#usable - 4));
    const local = size <= most ? size : surplus <= most ? surplus : least;
    const payload = new Uint8Array(size);
    payload.set(this.#slice(row.end, local));
    if (local < size) this.#overflow(payload, local, this.#u32(row.end + local));
    return valuesOf(payload);
  }

  #overflow(payload: Uint8Array, from: number, firstPage: number): void {
    let page = firstPage;
    for (let filled = from; filled < payload.length; ) {
      const start = this.#startOf(page);
      const piece = this.#slice(start + 4, Math.min(this.#usable - 4, payload.length - filled));
      payload.set(piece, filled);
      filled += piece.length;
      page = this.#u32(start);
    }
  }

  #startOf(page: number): number {
    const start = (page - 1) * this.#pageSize;
    if (page < 1 || start + this.#pageSize > this.#bytes.length) throw malformed();
    if (this.#seen.has(page)) throw malformed("a page is used twice");
    this.#seen.add(page);
    return start;
  }

  #slice(start: number, length: number): Uint8Array {
    if (start + length > this.#bytes.length) throw malformed();
    return this.#bytes.subarray(start, start + length);
  }

  #byte(at: number): number {
    return this.#bytes[at] ?? 0;
  }

  #u16(at: number): number {
    if (at + 2 > this.#bytes.length) throw malformed();
    return this.#view.getUint16(at);
  }

  #u32(at: number): number {
    if (at + 4 > this.#bytes.length) throw malformed();
    return this.#view.getUint32(at);
  }

  #varint(at: number): { readonly value: number; readonly end: number } {
    return varint(this.#bytes, at);
  }
}

/** Seven bits a byte, most significant first; of the ninth byte all eight count. */
function varint(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let index = 0; index < 9; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) throw malformed();
    if (index === 8) return { value: value * 256 + byte, end: at + 9 };
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, end: at + index + 1 };
  }
  throw malformed();
}

function valuesOf(payload: Uint8Array): readonly SqliteValue[] {
  const header = varint(payload, 0);
  const kinds: number[] = [];
  let at = header.end;
  while (at < header.value && kinds.length < MAX_COLUMNS) {
    const kind = varint(payload, at);
    kinds.push(kind.value);
    at = kind.end;
  }
  let position = header.value;
  return kinds.map((kind) => {
    const length = kind >= 12 ? Math.floor((kind - 12) / 2) : (lengths[kind] ?? 0);
    const bytes = payload.subarray(position, position + length);
    if (bytes.length < length) throw malformed();
    position += length;
    return valueOf(kind, bytes);
  });
}

const lengths: readonly number[] = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];

function valueOf(kind: number, bytes: Uint8Array): SqliteValue {
  if (kind >= 12) return kind % 2 === 0 ? bytes : new TextDecoder().decode(bytes);
  if (kind === 8 || kind === 9) return kind - 8;
  if (kind === 0 || kind > 6) return null; // absent; floating point is in no table that is read here
  let value = (bytes[0] ?? 0) >= 0x80 ? -1 : 0;
  for (const byte of bytes) value = value * 256 + byte;
  return value;
}

function malformed(what = "malformed SQLite database"): Fault {
  return new Fault("invalid", what);
}
