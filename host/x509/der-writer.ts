import { type KeyObject, sign } from "node:crypto";
import { findAddress } from "#base/cidr.ts";
import { findAddress6 } from "#base/cidr6.ts";
import { derTags } from "#base/der.ts";
import type { Subject } from "#base/distinguished-name.ts";

/** Writes the little of DER that certificates need. @see X.690, 10 */

export function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content]);
}

export const sequence = (...parts: readonly Uint8Array[]) => tagged(derTags.sequence, ...parts);
export const set = (...parts: readonly Uint8Array[]) => tagged(derTags.set, ...parts);
export const octets = (content: Uint8Array) => tagged(derTags.octetString, content);
export const utf8 = (text: string) => tagged(0x0c, Buffer.from(text));
export const yes = tagged(derTags.boolean, Buffer.from([0xff]));

/** A positive integer of its big-endian bytes. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const rest = bytes.subarray(start);
  return tagged(derTags.integer, (rest[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), rest]) : rest);
}

/** @param unused how many bits at the end are none */
export function bits(content: Uint8Array, unused = 0): Buffer {
  return tagged(derTags.bitString, Buffer.of(unused), content);
}

export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const value of [first * 40 + second, ...rest]) {
    const groups = [value & 0x7f];
    for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tagged(derTags.objectId, Buffer.from(bytes));
}

/** UTCTime up to 2049, GeneralizedTime after it, whole seconds. @see RFC 5280, 4.1.2.5 */
export function time(at: Date): Buffer {
  const text = at.toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return at.getUTCFullYear() < 2050
    ? tagged(0x17, Buffer.from(text.slice(2)))
    : tagged(0x18, Buffer.from(text));
}

/** A Name of organisations, all in one set as Go has it, and a common name. */
export function name({ commonName, organizations }: Subject): Buffer {
  const attribute = (id: string, value: string) => sequence(objectId(id), utf8(value));
  const groups = organizations
    .map((value) => attribute("2.5.4.10", value))
    .toSorted((left, right) => left.compare(right));
  return sequence(
    ...(groups.length > 0 ? [set(...groups)] : []),
    ...(commonName === "" ? [] : [set(attribute("2.5.4.3", commonName))]),
  );
}

/** GeneralNames: of the names what is an address by its form becomes one, anything else a DNS name. */
export function alternativeNames(
  names: readonly string[],
  emails: readonly string[] = [],
  uris: readonly string[] = [],
): Buffer {
  const text = (tag: number, value: string) => tagged(tag, Buffer.from(value, "latin1"));
  return sequence(
    ...emails.map((email) => text(0x81, email)),
    ...names.map((name) => {
      const address = findAddressBytes(name);
      return address === undefined ? text(0x82, name) : tagged(0x87, address);
    }),
    ...uris.map((uri) => text(0x86, uri)),
  );
}

export function extension(id: string, value: Uint8Array, isCritical = false): Buffer {
  return sequence(objectId(id), ...(isCritical ? [yes] : []), octets(value));
}

export const ecdsaWithSha256 = sequence(objectId("1.2.840.10045.4.3.2"));

/** A body with its signature by a P-256 key, as certificates and requests for them both have it. */
export function signedPem(label: string, body: Uint8Array, key: KeyObject): string {
  return toPem(label, sequence(body, ecdsaWithSha256, bits(sign("sha256", body, key))));
}

function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** 4 or 16 bytes; undefined for what is no address. */
export function findAddressBytes(text: string): Buffer | undefined {
  const four = findAddress(text);
  const [number, bytes] = four === undefined ? [findAddress6(text), 16] : [four, 4];
  return number === undefined ? undefined : Buffer.from(number.toString(16).padStart(bytes * 2, "0"), "hex");
}

function lengthOf(length: number): readonly number[] {
  if (length < 0x80) return [length];
  if (length < 0x100) return [0x81, length];
  if (length < 0x1_0000) return [0x82, length >> 8, length & 0xff];
  return [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
}
