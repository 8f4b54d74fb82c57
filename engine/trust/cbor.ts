import { Fault } from "#base/fault.ts";

/** A data item, as far as envelopes of signatures have any. */
export type Cbor =
  | number
  | string
  | Uint8Array
  | boolean
  | null
  | readonly Cbor[]
  | ReadonlyMap<number | string, Cbor>
  | CborTag;

export interface CborTag {
  readonly tag: number;
  readonly value: Cbor;
}

const MAX_DEPTH = 16;
const MAX_ITEMS = 1000;

/**
 * Reads one data item that fills the bytes. What can be written in two ways is refused where readers could differ: lengths that are
 * not said first, keys twice in a map, text that is no UTF-8, numbers beyond 2^53, bytes that follow. Floating point is not read.
 *
 * @throws {Fault} `invalid`
 * @see RFC 8949
 */
export function decodeCbor(bytes: Uint8Array): Cbor {
  const reader = new Reader(bytes);
  const value = reader.item(0);
  if (!reader.isDone) throw malformed();
  return value;
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #items = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get isDone(): boolean {
    return this.#at === this.#bytes.length;
  }

  item(depth: number): Cbor {
    if (depth > MAX_DEPTH || ++this.#items > MAX_ITEMS) throw malformed();
    const head = this.#byte();
    const argument = this.#argument(head & 0x1f);
    switch (head >> 5) {
      case 0:
        return argument;
      case 1:
        return -1 - argument;
      case 2:
        return this.#take(argument);
      case 3:
        return utf8(this.#take(argument));
      case 4:
        return this.#list(argument, depth);
      case 5:
        return this.#map(argument, depth);
      case 6:
        return { tag: argument, value: this.item(depth + 1) };
      default:
        return simpleOf(head);
    }
  }

  #list(length: number, depth: number): Cbor {
    if (length > MAX_ITEMS) throw malformed();
    return Array.from({ length }, () => this.item(depth + 1));
  }

  #map(size: number, depth: number): Cbor {
    const map = new Map<number | string, Cbor>();
    for (let index = 0; index < size; index++) {
      const key = this.item(depth + 1);
      if ((typeof key !== "number" && typeof key !== "string") || map.has(key)) throw malformed();
      map.set(key, this.item(depth + 1));
    }
    return map;
  }

  #argument(info: number): number {
    if (info < 24) return info;
    const width = [1, 2, 4, 8][info - 24];
    if (width === undefined || this.#at + width > this.#bytes.length) throw malformed();
    const at = this.#at;
    this.#at += width;
    if (width === 8) return this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
    return width === 4
      ? this.#view.getUint32(at)
      : width === 2
        ? this.#view.getUint16(at)
        : this.#view.getUint8(at);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw malformed();
    return byte;
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw malformed();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

function simpleOf(head: number): Cbor {
  if (head === 0xf4 || head === 0xf5) return head === 0xf5;
  if (head === 0xf6) return null;
  throw malformed();
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new Fault("invalid", "malformed CBOR", { cause: error });
  }
}

/** In the shortest form. Maps keep the order that they have. @see RFC 8949, section 4.1 */
export function encodeCbor(value: Cbor): Buffer {
  if (typeof value === "number") return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === "string")
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === "boolean") return Buffer.from([value ? 0xf5 : 0xf4]);
  if (value === null) return Buffer.from([0xf6]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(encodeCbor)]);
  if (value instanceof Map)
    return Buffer.concat([
      head(5, value.size),
      ...Array.from(value).flatMap(([key, one]) => [encodeCbor(key as Cbor), encodeCbor(one as Cbor)]),
    ]);
  const { tag, value: inner } = value as CborTag;
  return Buffer.concat([head(6, tag), encodeCbor(inner)]);
}

function head(kind: number, argument: number): Buffer {
  const first = kind << 5;
  if (argument < 24) return Buffer.from([first | argument]);
  if (argument < 0x100) return Buffer.from([first | 24, argument]);
  const bytes = Buffer.alloc(argument < 0x1_0000 ? 3 : argument < 2 ** 32 ? 5 : 9);
  bytes[0] = first | (bytes.length === 3 ? 25 : bytes.length === 5 ? 26 : 27);
  if (bytes.length === 3) bytes.writeUInt16BE(argument, 1);
  else if (bytes.length === 5) bytes.writeUInt32BE(argument, 1);
  else bytes.writeBigUInt64BE(BigInt(argument), 1);
  return bytes;
}

export function isCborTag(value: Cbor | undefined): value is CborTag {
  return typeof value === "object" && value !== null && "tag" in value;
}

export function isCborMap(value: Cbor | undefined): value is ReadonlyMap<number | string, Cbor> {
  return value instanceof Map;
}

function malformed(): Fault {
  return new Fault("invalid", "malformed CBOR");
}
