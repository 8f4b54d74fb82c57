import { Fault } from "./fault.ts";

/** One element of DER: its tag octet, its content, and the octets of both together. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

export const derTags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  sequence: 0x30,
  set: 0x31,
} as const;

/**
 * The elements that stand one after the other in the bytes.
 *
 * @throws {Fault} `invalid` for an indefinite or an overlong length, a long tag, or bytes that end too early
 * @see X.690, 10.1
 */
export function readDer(bytes: Uint8Array): readonly DerElement[] {
  const found: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = readOne(bytes, at);
    found.push(element);
    at += element.whole.length;
  }
  return found;
}

/** The elements within the only element of the bytes. @throws {Fault} `invalid` unless it is one of that tag */
export function readDerList(bytes: Uint8Array, tag: number): readonly DerElement[] {
  const [only, ...rest] = readDer(bytes);
  if (only === undefined || rest.length > 0 || only.tag !== tag) throw malformed();
  return readDer(only.content);
}

function readOne(bytes: Uint8Array, at: number): DerElement {
  const tag = bytes[at] ?? 0;
  const first = bytes[at + 1];
  if (first === undefined || (tag & 0x1f) === 0x1f) throw malformed();
  let length = first;
  let start = at + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw malformed();
    length = 0;
    for (let index = 0; index < count; index++) length = length * 256 + (bytes[start + index] ?? 0);
    if (length < 0x80 || (count > 1 && bytes[start] === 0)) throw malformed();
    start += count;
  }
  const end = start + length;
  if (end > bytes.length) throw malformed();
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) };
}

/** `1.3.6.1.5.5.7.3.3` of an object identifier's content. */
export function objectIdOf(content: Uint8Array): string {
  const numbers: number[] = [];
  let value = 0;
  for (const byte of content) {
    value = value * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(value)) throw malformed();
    if (byte >= 0x80) continue;
    if (numbers.length === 0) {
      const first = Math.min(2, Math.floor(value / 40));
      numbers.push(first, value - first * 40);
    } else numbers.push(value);
    value = 0;
  }
  return numbers.join(".");
}

function malformed(): Fault {
  return new Fault("invalid", "malformed DER");
}
