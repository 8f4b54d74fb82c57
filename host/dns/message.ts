import { formatAddress, parseAddress } from "#base/cidr.ts";
import { findAddress6 } from "#base/cidr6.ts";

export const typeA = 1;
export const typeNs = 2;
export const typeCname = 5;
export const typeSoa = 6;
export const typePtr = 12;
export const typeTxt = 16;
export const typeAaaa = 28;
export const typeSrv = 33;
export const typeOpt = 41;
export const classIn = 1;

/** @see RFC 1035 section 4.1.1, RCODE */
export const rcode = {
  ok: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
} as const;

export interface Question {
  /** Without the last dot, as it was asked; empty for the root. Bytes beyond ASCII, and dots and backslashes inside labels, are `\DDD`. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface DnsRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  /**
   * An IPv4 address for A, a name for PTR and CNAME, else hex. Written from the like, and from an address of AAAA, a name of NS,
   * the text of TXT in quotes, and the fields of SRV and SOA with blanks between them.
   */
  readonly data: string;
}

export interface Message {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  readonly isAuthoritative: boolean;
  readonly isTruncated: boolean;
  readonly wantsRecursion: boolean;
  readonly hasRecursion: boolean;
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answers: readonly DnsRecord[];
  /** Written, not read. */
  readonly authorities?: readonly DnsRecord[];
  /** Written, not read. */
  readonly additionals?: readonly DnsRecord[];
  /** EDNS(0): what the sender takes by UDP. @see RFC 6891 section 6.1.2 */
  readonly edns?: { readonly udpSize: number };
}

const HEADER_BYTES = 12;
const NAME_BYTES_MAX = 255;
const POINTER_MAX = 0x3fff;

interface Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
}

/**
 * Reads a message: header, questions, answers, and EDNS from the additional section; other sections are checked for their bounds
 * alone. Undefined for what is no message: reads nothing out of bounds, follows no pointer forward, ends in linear time.
 *
 * @see RFC 1035 section 4.1
 */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const cursor = {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    at: HEADER_BYTES,
  };
  try {
    return readMessage(cursor);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readMessage(cursor: Cursor): Message {
  const { view } = cursor;
  const flags = view.getUint16(2);
  const count = (section: number) => view.getUint16(4 + section * 2);
  const questions = Array.from({ length: bounded(cursor, count(0), 5) }, () => readQuestion(cursor));
  const read = (section: number) =>
    Array.from({ length: bounded(cursor, count(section), 11) }, () => readRecord(cursor));
  const answers = read(1);
  read(2);
  const opt = read(3).find((record) => record.type === typeOpt);
  return {
    id: view.getUint16(0),
    isResponse: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    isAuthoritative: (flags & 0x400) !== 0,
    isTruncated: (flags & 0x200) !== 0,
    wantsRecursion: (flags & 0x100) !== 0,
    hasRecursion: (flags & 0x80) !== 0,
    rcode: flags & 15,
    questions,
    answers,
    ...(opt !== undefined && { edns: { udpSize: opt.class } }),
  };
}

/** A count that the bytes that are left cannot hold is a lie; found out before anything is made for it. */
function bounded(cursor: Cursor, count: number, leastBytes: number): number {
  if (count * leastBytes > cursor.bytes.length - cursor.at) throw new RangeError("count beyond the end");
  return count;
}

function readQuestion(cursor: Cursor): Question {
  const name = readName(cursor);
  return { name, type: take16(cursor), class: take16(cursor) };
}

function readRecord(cursor: Cursor): DnsRecord {
  const name = readName(cursor);
  const [type, klass] = [take16(cursor), take16(cursor)];
  const ttl = cursor.view.getUint32(cursor.at);
  cursor.at += 4;
  const size = take16(cursor);
  const end = cursor.at + size;
  if (end > cursor.bytes.length) throw new RangeError("data beyond the end");
  const data = readData(cursor, type, size);
  cursor.at = end;
  return { name, type, class: klass, ttl, data };
}

function readData(cursor: Cursor, type: number, size: number): string {
  if (type === typeA && size === 4) return formatAddress(cursor.view.getUint32(cursor.at));
  if (type === typePtr || type === typeCname) return readName({ ...cursor });
  return Buffer.from(cursor.bytes.subarray(cursor.at, cursor.at + size)).toString("hex");
}

/** @see RFC 1035 section 4.1.4, where a pointer names "a prior occurrence": each has to point before the last one. */
function readName(cursor: Cursor): string {
  const labels: string[] = [];
  let [at, bytes, limit] = [cursor.at, 1, cursor.at];
  let end: number | undefined;
  for (;;) {
    const length = cursor.view.getUint8(at);
    if (length === 0) break;
    if (length >= 0xc0) {
      end ??= at + 2;
      at = cursor.view.getUint16(at) & POINTER_MAX;
      if (at >= limit) throw new RangeError("pointer that does not point back");
      limit = at;
      continue;
    }
    bytes += length + 1;
    if (length > 63 || bytes > NAME_BYTES_MAX || at + 1 + length > cursor.bytes.length)
      throw new RangeError("name too long");
    labels.push(textOf(cursor.bytes.subarray(at + 1, at + 1 + length)));
    at += length + 1;
  }
  cursor.at = end ?? at + 1;
  return labels.join(".");
}

function textOf(label: Uint8Array): string {
  let text = "";
  for (const byte of label) {
    const isPlain = byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c;
    text += isPlain ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, "0")}`;
  }
  return text;
}

function take16(cursor: Cursor): number {
  const value = cursor.view.getUint16(cursor.at);
  cursor.at += 2;
  return value;
}

interface Writer {
  readonly bytes: number[];
  /** Lowercase name → where it stands. */
  readonly names: Map<string, number>;
}

/** Writes a message; names that it has written already, whole or from a label on, become pointers. */
export function encodeMessage(message: Message): Uint8Array {
  const writer: Writer = { bytes: [], names: new Map() };
  const flags =
    (message.isResponse ? 0x8000 : 0) |
    ((message.opcode & 15) << 11) |
    (message.isAuthoritative ? 0x400 : 0) |
    (message.isTruncated ? 0x200 : 0) |
    (message.wantsRecursion ? 0x100 : 0) |
    (message.hasRecursion ? 0x80 : 0) |
    (message.rcode & 15);
  const { questions, answers, authorities = [], additionals = [] } = message;
  const extra = additionals.length + (message.edns === undefined ? 0 : 1);
  for (const value of [message.id, flags, questions.length, answers.length, authorities.length, extra])
    put16(writer, value);
  for (const question of questions) {
    putName(writer, question.name);
    put16(writer, question.type);
    put16(writer, question.class);
  }
  for (const record of [...answers, ...authorities, ...additionals]) putRecord(writer, record);
  // OPT: root name, type, our size in place of the class, extended code, version and flags 0, no options.
  if (message.edns !== undefined) {
    writer.bytes.push(0);
    for (const value of [typeOpt, message.edns.udpSize, 0, 0, 0]) put16(writer, value);
  }
  return Uint8Array.from(writer.bytes);
}

function putRecord(writer: Writer, record: DnsRecord): void {
  putName(writer, record.name);
  put16(writer, record.type);
  put16(writer, record.class);
  put16(writer, record.ttl >>> 16);
  put16(writer, record.ttl & 0xffff);
  const sizeAt = writer.bytes.length;
  put16(writer, 0);
  putData(writer, record);
  const size = writer.bytes.length - sizeAt - 2;
  writer.bytes[sizeAt] = size >>> 8;
  writer.bytes[sizeAt + 1] = size & 255;
}

function putData(writer: Writer, { type, data }: DnsRecord): void {
  if (type === typePtr || type === typeCname || type === typeNs) putName(writer, data);
  else if (type === typeSrv && data.includes(" ")) putService(writer, data.split(" "));
  else if (type === typeSoa && data.includes(" ")) putStart(writer, data.split(" "));
  else if (type === typeTxt && data.startsWith('"')) {
    const text = Buffer.from(data.slice(1, -1)).subarray(0, 255);
    writer.bytes.push(text.length, ...text);
  } else if (type === typeA && data.includes(".")) {
    const address = parseAddress(data);
    put16(writer, address >>> 16);
    put16(writer, address & 0xffff);
  } else if (type === typeAaaa && data.includes(":")) {
    const address = findAddress6(data) ?? 0n;
    for (let at = 112n; at >= 0n; at -= 16n) put16(writer, Number((address >> at) & 0xffffn));
  } else writer.bytes.push(...Buffer.from(data, "hex"));
}

/** @see RFC 2782: the target is not compressed */
function putService(writer: Writer, [priority, weight, port, target = ""]: readonly string[]): void {
  for (const value of [priority, weight, port]) put16(writer, Number(value));
  putName({ bytes: writer.bytes, names: new Map() }, target);
}

/** @see RFC 1035 section 3.3.13 */
function putStart(writer: Writer, [server = "", mailbox = "", ...times]: readonly string[]): void {
  putName(writer, server);
  putName(writer, mailbox);
  for (const value of times.map(Number)) {
    put16(writer, value >>> 16);
    put16(writer, value & 0xffff);
  }
}

function putName(writer: Writer, name: string): void {
  let rest = name;
  while (rest !== "") {
    const known = writer.names.get(rest.toLowerCase());
    if (known !== undefined) {
      put16(writer, 0xc000 | known);
      return;
    }
    if (writer.bytes.length <= POINTER_MAX) writer.names.set(rest.toLowerCase(), writer.bytes.length);
    const dot = rest.indexOf(".");
    const label = bytesOf(dot === -1 ? rest : rest.slice(0, dot));
    writer.bytes.push(label.length, ...label);
    rest = dot === -1 ? "" : rest.slice(dot + 1);
  }
  writer.bytes.push(0);
}

function bytesOf(label: string): readonly number[] {
  return [...label.matchAll(/\\([0-9]{3})|[\s\S]/g)].map(([all, digits]) =>
    digits === undefined ? all.charCodeAt(0) & 255 : Number(digits),
  );
}

function put16(writer: Writer, value: number): void {
  writer.bytes.push((value >>> 8) & 255, value & 255);
}
