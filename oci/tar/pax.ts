import { type ByteText, bytesOfText, type TarTime, textOfBytes } from "./entry.ts";
import { invalidTar } from "./header.ts";

/** Records in the order of the header: GNU sparse format 0.0 repeats keys and means it. Values are byte text. */
export type PaxRecords = readonly (readonly [key: ByteText, value: ByteText])[];

export const xattrPrefix = "SCHILY.xattr.";

const keysWithoutNul = new Set(["path", "linkpath", "GNU.sparse.name"]);

/**
 * Parses the body of a PAX extended header.
 *
 * @throws {Fault} `invalid` when a record's length lies, it has no key, or a name has a NUL.
 * @see POSIX.1-2017, pax, "pax Header Block"
 */
export function parsePax(body: Uint8Array): PaxRecords {
  const records: [string, string][] = [];
  let at = 0;
  while (at < body.length) {
    const space = body.indexOf(0x20, at);
    if (space < 0 || space - at > 8) throw invalidTar("a PAX record without a length");
    const length = decimal(textOfBytes(body.subarray(at, space)), "PAX record length");
    const end = at + length;
    if (end > body.length || end <= space + 1 || body[end - 1] !== 0x0a)
      throw invalidTar("a PAX record whose length lies");
    const equals = body.indexOf(0x3d, space + 1);
    if (equals <= space + 1 || equals >= end) throw invalidTar("a PAX record without a key");
    const key = textOfBytes(body.subarray(space + 1, equals));
    const value = textOfBytes(body.subarray(equals + 1, end - 1));
    if (key.includes("\0") || (keysWithoutNul.has(key) && value.includes("\0")))
      throw invalidTar("a PAX record with a NUL");
    records.push([key, value]);
    at = end;
  }
  return records;
}

/** The body of a PAX extended header; the order of the records is kept. */
export function encodePax(records: PaxRecords): Uint8Array {
  let text = "";
  for (const [key, value] of records) {
    const rest = ` ${key}=${value}\n`;
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    text += `${length}${rest}`;
  }
  return bytesOfText(text);
}

/** A whole number of at most 2⁵³−1. @throws {Fault} `invalid` */
export function decimal(text: string, name: string): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw invalidTar(`${name} is not a number in range`);
  return value;
}

/** `1350244992.023960108`, `-1.5`: what is below a nanosecond is cut off, towards the past. @throws {Fault} `invalid` */
export function parsePaxTime(text: string): TarTime {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(text);
  if (match === null) throw invalidTar("a PAX time that is none");
  const [, sign, whole, fraction = ""] = match;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  const seconds = Number(whole);
  if (sign === "") return { seconds, nanoseconds };
  const isCut = /[1-9]/.test(fraction.slice(9));
  const below = nanoseconds + (isCut ? 1 : 0);
  return below === 0
    ? { seconds: 0 - seconds, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - below };
}

export function formatPaxTime(time: TarTime): string {
  if (time.nanoseconds === 0) return String(time.seconds);
  const isNegative = time.seconds < 0;
  const whole = isNegative ? -time.seconds - 1 : time.seconds;
  const nanoseconds = isNegative ? 1_000_000_000 - time.nanoseconds : time.nanoseconds;
  const fraction = String(nanoseconds).padStart(9, "0").replace(/0+$/, "");
  return `${isNegative ? "-" : ""}${whole}.${fraction}`;
}
