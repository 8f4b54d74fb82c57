import { Fault } from "#base/fault.ts";
import { blockSize, type ByteText, type TarTime, textOfBytes } from "./entry.ts";

/** One 512-byte header as it is, before PAX and GNU long names have their say. */
export interface RawHeader {
  /** The type flag as a character; `\0` of old archives comes as `0`, or `5` when the name ends in a slash. */
  readonly type: string;
  readonly path: ByteText;
  readonly linkPath: ByteText;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: TarTime;
  readonly major: number;
  readonly minor: number;
}

/** The largest uid or gid there is: 2³²−1 means "leave it as it is" to chown. */
const maxId = 0xfffffffe;

export function invalidTar(reason: string): Fault {
  return new Fault("invalid", `archive/tar: invalid tar header: ${reason}`);
}

export function isZeroBlock(block: Uint8Array): boolean {
  for (let index = 0; index < blockSize; index++) if (block[index] !== 0) return false;
  return true;
}

/**
 * Parses a header block of the V7, ustar, GNU or star format.
 *
 * @throws {Fault} `invalid` when the checksum is wrong or a field is not a number in its range.
 * @see POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"
 */
export function parseHeader(block: Uint8Array): RawHeader {
  verifyChecksum(block);
  const format = formatOf(block);
  const name = textField(block, 0, 100);
  const prefix = format.prefixLength === 0 ? "" : textField(block, 345, format.prefixLength);
  const path = prefix === "" ? name : `${prefix}/${name}`;
  const type = String.fromCharCode(block[156] ?? 0);
  const mayHaveDevice = format.hasDevice && (type === "3" || type === "4");
  return {
    type: type === "\0" || type === "7" ? (type === "\0" && path.endsWith("/") ? "5" : "0") : type,
    path,
    linkPath: textField(block, 157, 100),
    mode: numberField(block, 100, 8, "mode") & 0o7777,
    uid: unsignedField(block, 108, 8, "uid", maxId),
    gid: unsignedField(block, 116, 8, "gid", maxId),
    size: unsignedField(block, 124, 12, "size", Number.MAX_SAFE_INTEGER),
    mtime: { seconds: numberField(block, 136, 12, "mtime"), nanoseconds: 0 },
    major: mayHaveDevice ? unsignedField(block, 329, 8, "devmajor", 0xffffffff) : 0,
    minor: mayHaveDevice ? unsignedField(block, 337, 8, "devminor", 0xffffffff) : 0,
  };
}

/** A user or group number. @throws {Fault} `invalid` */
export function checkedId(value: number): number {
  if (value < 0 || value > maxId) throw invalidTar("a user or group out of range");
  return value;
}

/** A number field: octal text, or base 256 when the first bit is set. May be negative in base 256 only. */
export function numberField(block: Uint8Array, at: number, length: number, name: string): number {
  const first = block[at] ?? 0;
  if (first >= 0x80) return base256(block, at, length, name);
  const end = at + length;
  let index = at;
  while (index < end && block[index] === 0x20) index++;
  let value = 0;
  for (; index < end; index++) {
    const digit = (block[index] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; index < end; index++) {
    const rest = block[index];
    if (rest === 0) break;
    if (rest !== 0x20) throw invalidTar(`${name} is not a number`);
  }
  return value;
}

export function unsignedField(
  block: Uint8Array,
  at: number,
  length: number,
  name: string,
  max: number,
): number {
  const value = numberField(block, at, length, name);
  if (value < 0 || value > max) throw invalidTar(`${name} is out of range`);
  return value;
}

/** Two's complement, big endian, the very first bit being only the mark. */
function base256(block: Uint8Array, at: number, length: number, name: string): number {
  const isNegative = ((block[at] ?? 0) & 0x40) !== 0;
  let value = isNegative ? -1n : 0n;
  for (let index = 0; index < length; index++) {
    const byte = block[at + index] ?? 0;
    value = (value << 8n) | BigInt(index === 0 ? (isNegative ? byte : byte & 0x7f) : byte);
  }
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw invalidTar(`${name} is out of range`);
  return result;
}

/** Up to the first NUL. */
export function textField(block: Uint8Array, at: number, length: number): ByteText {
  let end = at;
  while (end < at + length && block[end] !== 0) end++;
  return end === at ? "" : textOfBytes(block.subarray(at, end));
}

function formatOf(block: Uint8Array): { readonly prefixLength: number; readonly hasDevice: boolean } {
  const magic = textOfBytes(block.subarray(257, 265));
  if (magic.startsWith("ustar\0")) {
    const isStar = textOfBytes(block.subarray(508, 512)) === "tar\0";
    return { prefixLength: isStar ? 131 : 155, hasDevice: true };
  }
  return { prefixLength: 0, hasDevice: magic === "ustar  \0" };
}

/** Some old writers summed signed bytes; both sums are accepted, as every reader does. */
function verifyChecksum(block: Uint8Array): void {
  let unsigned = 256;
  let high = 0;
  for (let index = 0; index < 148; index++) {
    const byte = block[index] as number;
    unsigned += byte;
    high += byte >> 7;
  }
  for (let index = 156; index < blockSize; index++) {
    const byte = block[index] as number;
    unsigned += byte;
    high += byte >> 7;
  }
  const claimed = numberField(block, 148, 8, "chksum");
  if (claimed !== unsigned && claimed !== unsigned - high * 256) throw invalidTar("the checksum is wrong");
}
