import { Fault } from "./fault.ts";

/** One field of a message: its number, and how it is read and written. */
export interface Field<T> {
  readonly number: number;
  initial(): T;
  /** The field's value after one more occurrence. */
  read(reader: Reader, wire: number, before: T): T;
  write(writer: Writer, number: number, value: T): void;
}

/** Names of fields and what they hold; absent fields have their proto3 default. */
export type Values<Fields> = {
  readonly [Name in keyof Fields]: Fields[Name] extends Field<infer T> ? T : never;
};

export type MessageOf<C> = C extends Codec<infer T> ? T : never;

/** Reads and writes one kind of message. */
export interface Codec<T> {
  /** @throws {Fault} `invalid` for what is no such message, or has more than {@link maxValues} values */
  decode(bytes: Uint8Array): T;
  encode(value: Partial<T>): Uint8Array;
  readonly readFrom: (reader: Reader) => T;
  readonly writeTo: (writer: Writer, value: Partial<T>) => void;
}

/** Values in one message, those in messages within it counted: what memory a small message can ask for. */
const maxValues = 200_000;

const [varintWire, fixed64Wire, bytesWire, fixed32Wire] = [0, 1, 2, 5];

type Fields = Readonly<Record<string, Field<unknown>>>;

/**
 * A message by the table of its fields. Fields that are not in it are skipped.
 *
 * @see Protocol Buffers, "Encoding"
 */
export function message<const F extends Fields>(fields: F): Codec<Values<F>> {
  const names = Object.keys(fields);
  const byNumber = new Map(names.map((name) => [(fields[name] as F[string]).number, name]));
  const readFrom = (reader: Reader): Values<F> => {
    const values: Record<string, unknown> = {};
    for (const name of names) values[name] = fields[name]?.initial();
    while (!reader.isDone) {
      const tag = reader.tag();
      const wire = tag & 7;
      const name = byNumber.get(tag >>> 3);
      if (name === undefined) reader.skip(wire);
      else values[name] = fields[name]?.read(reader, wire, values[name]);
    }
    return values as Values<F>;
  };
  const writeTo = (writer: Writer, value: Partial<Values<F>>) => {
    for (const name of names) {
      const field = fields[name] as F[string];
      const own = value[name];
      if (own !== undefined) field.write(writer, field.number, own);
    }
  };
  return {
    readFrom,
    writeTo,
    decode: (bytes) => readFrom(new Reader(bytes, { left: maxValues })),
    encode: (value) => {
      const writer = new Writer();
      writeTo(writer, value);
      return writer.finish();
    },
  };
}

export function text(number: number): Field<string> {
  return {
    number,
    initial: () => "",
    read: (reader, wire) => decoder.decode(reader.bytes(wire)),
    write: (writer, at, value) => {
      if (value !== "") writer.bytes(at, encoder.encode(value));
    },
  };
}

/** What is read is a view of the message. */
export function bytes(number: number): Field<Uint8Array> {
  return {
    number,
    initial: () => new Uint8Array(0),
    read: (reader, wire) => reader.bytes(wire),
    write: (writer, at, value) => {
      if (value.length > 0) writer.bytes(at, value);
    },
  };
}

export function bool(number: number): Field<boolean> {
  return {
    number,
    initial: () => false,
    read: (reader, wire) => reader.varint(wire) !== 0n,
    write: (writer, at, value) => {
      if (value) writer.varint(at, 1n);
    },
  };
}

/** Of 32 or 64 bits, and enumerations. What does not fit into a number of JavaScript exactly loses its last digits. */
export function int(number: number): Field<number> {
  return {
    number,
    initial: () => 0,
    read: (reader, wire) => Number(BigInt.asIntN(64, reader.varint(wire))),
    write: (writer, at, value) => {
      if (value !== 0) writer.varint(at, BigInt.asUintN(64, BigInt(value)));
    },
  };
}

/** Of 64 bits, exactly. */
export function bigInt(number: number): Field<bigint> {
  return {
    number,
    initial: () => 0n,
    read: (reader, wire) => BigInt.asIntN(64, reader.varint(wire)),
    write: (writer, at, value) => {
      if (value !== 0n) writer.varint(at, BigInt.asUintN(64, value));
    },
  };
}

/** Repeated {@link int}s, packed or one by one. */
export function ints(number: number): Field<readonly number[]> {
  return {
    number,
    initial: () => [],
    read: (reader, wire, before) => {
      if (wire !== bytesWire) return append(before, Number(BigInt.asIntN(64, reader.varint(wire))));
      let list = before;
      for (const packed = reader.nested(wire); !packed.isDone; )
        list = append(list, Number(BigInt.asIntN(64, packed.value())));
      return list;
    },
    write: (writer, at, values) => {
      if (values.length === 0) return;
      const inner = new Writer();
      for (const value of values) inner.value(BigInt.asUintN(64, BigInt(value)));
      writer.bytes(at, inner.finish());
    },
  };
}

export function double(number: number): Field<number> {
  return {
    number,
    initial: () => 0,
    read: (reader, wire) => reader.double(wire),
    write: (writer, at, value) => {
      if (value !== 0) writer.double(at, value);
    },
  };
}

/** A message, or undefined where there is none. */
export function sub<T>(number: number, codec: Codec<T>): Field<Partial<T> | undefined> {
  return {
    number,
    initial: () => undefined,
    read: (reader, wire) => codec.readFrom(reader.nested(wire)),
    write: (writer, at, value) => {
      if (value === undefined) return;
      const inner = new Writer();
      codec.writeTo(inner, value);
      writer.bytes(at, inner.finish());
    },
  };
}

export function many<T>(number: number, codec: Codec<T>): Field<readonly Partial<T>[]> {
  return {
    number,
    initial: () => [],
    read: (reader, wire, before) => append(before, codec.readFrom(reader.nested(wire))),
    write: (writer, at, values) => {
      for (const value of values) {
        const inner = new Writer();
        codec.writeTo(inner, value);
        writer.bytes(at, inner.finish());
      }
    },
  };
}

export function texts(number: number): Field<readonly string[]> {
  return {
    number,
    initial: () => [],
    read: (reader, wire, before) => append(before, decoder.decode(reader.bytes(wire))),
    write: (writer, at, values) => {
      for (const value of values) writer.bytes(at, encoder.encode(value));
    },
  };
}

export function blobs(number: number): Field<readonly Uint8Array[]> {
  return {
    number,
    initial: () => [],
    read: (reader, wire, before) => append(before, reader.bytes(wire)),
    write: (writer, at, values) => {
      for (const value of values) writer.bytes(at, value);
    },
  };
}

/** A map with texts as keys. */
export function map<T>(
  number: number,
  valueField: (number: number) => Field<T>,
): Field<ReadonlyMap<string, T>> {
  const value = valueField(2);
  const entry = message({ key: text(1), value });
  return {
    number,
    initial: () => new Map<string, T>(),
    read: (reader, wire, before) => {
      const { key, value: own } = entry.readFrom(reader.nested(wire));
      (before as Map<string, T>).set(key, own as T);
      return before;
    },
    write: (writer, at, entries) => {
      for (const [key, own] of entries) {
        const inner = new Writer();
        entry.writeTo(inner, { key, value: own } as Partial<Values<{ key: Field<string>; value: Field<T> }>>);
        writer.bytes(at, inner.finish());
      }
    },
  };
}

function append<T>(list: readonly T[], value: T): readonly T[] {
  (list as T[]).push(value);
  return list;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Walks over the fields of one message. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #budget: { left: number };
  #at = 0;

  constructor(source: Uint8Array, budget: { left: number }) {
    this.#bytes = source;
    this.#budget = budget;
  }

  get isDone(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The number of the next field, and its wire type in the last three bits. */
  tag(): number {
    if (--this.#budget.left < 0) throw new Fault("invalid", "protobuf: too many values in a message");
    const tag = this.#varint();
    if (tag < 8n || tag >= 1n << 32n) throw new Fault("invalid", "protobuf: a field without a number");
    return Number(tag);
  }

  varint(wire: number): bigint {
    if (wire !== varintWire) throw wrongWire(wire);
    return this.#varint();
  }

  bytes(wire: number): Uint8Array {
    if (wire !== bytesWire) throw wrongWire(wire);
    return this.#take(this.#varint());
  }

  /** One of a packed list. */
  value(): bigint {
    if (--this.#budget.left < 0) throw new Fault("invalid", "protobuf: too many values in a message");
    return this.#varint();
  }

  double(wire: number): number {
    if (wire !== fixed64Wire) throw wrongWire(wire);
    const eight = this.#take(8n);
    return new DataView(eight.buffer, eight.byteOffset, 8).getFloat64(0, true);
  }

  nested(wire: number): Reader {
    return new Reader(this.bytes(wire), this.#budget);
  }

  skip(wire: number): void {
    if (wire === varintWire) this.#varint();
    else if (wire === bytesWire) this.#take(this.#varint());
    else if (wire === fixed64Wire) this.#take(8n);
    else if (wire === fixed32Wire) this.#take(4n);
    else throw wrongWire(wire);
  }

  #take(length: bigint): Uint8Array {
    if (length > BigInt(this.#bytes.length - this.#at))
      throw new Fault("invalid", "protobuf: unexpected end of message");
    const end = this.#at + Number(length);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #varint(): bigint {
    const first = this.#bytes[this.#at];
    if (first !== undefined && first < 0x80) {
      this.#at += 1;
      return BigInt(first);
    }
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Fault("invalid", "protobuf: unexpected end of message");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new Fault("invalid", "protobuf: a number that is too long");
  }
}

function wrongWire(wire: number): Fault {
  return new Fault("invalid", `protobuf: unexpected wire type ${wire}`);
}

/** Collects the pieces of one message. */
export class Writer {
  readonly #pieces: Uint8Array[] = [];
  #size = 0;

  varint(number: number, value: bigint): void {
    this.#add(varintOf(BigInt(number) << 3n));
    this.#add(varintOf(value));
  }

  /** One of a packed list. */
  value(value: bigint): void {
    this.#add(varintOf(value));
  }

  double(number: number, value: number): void {
    const eight = new Uint8Array(8);
    new DataView(eight.buffer).setFloat64(0, value, true);
    this.#add(varintOf((BigInt(number) << 3n) | BigInt(fixed64Wire)));
    this.#add(eight);
  }

  bytes(number: number, value: Uint8Array): void {
    this.#add(varintOf((BigInt(number) << 3n) | BigInt(bytesWire)));
    this.#add(varintOf(BigInt(value.length)));
    this.#add(value);
  }

  finish(): Uint8Array {
    const whole = new Uint8Array(this.#size);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  #add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#size += piece.length;
  }
}

function varintOf(value: bigint): Uint8Array {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
  return Uint8Array.from(out);
}
