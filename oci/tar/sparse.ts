import { blockSize, textOfBytes } from "./entry.ts";
import { invalidTar, unsignedField } from "./header.ts";
import { decimal, type PaxRecords } from "./pax.ts";

/** A stretch of a sparse file that is stored; what lies between stretches is a hole. */
export interface Fragment {
  readonly offset: number;
  readonly length: number;
}

/** What the headers say about a sparse file; `needsMap` when the map stands in front of the data (format 1.0). */
export interface SparseHeader {
  readonly realSize: number;
  readonly fragments: readonly Fragment[];
  readonly needsMap: boolean;
}

const maxFragments = 100_000;

/** Formats 0.0, 0.1 and 1.0 of GNU tar, which come in PAX records. Undefined when the file is not sparse. */
export function sparseOfPax(records: ReadonlyMap<string, string>, all: PaxRecords): SparseHeader | undefined {
  const isVersion1 = records.get("GNU.sparse.major") === "1" && records.get("GNU.sparse.minor") === "0";
  const size = records.get(isVersion1 ? "GNU.sparse.realsize" : "GNU.sparse.size");
  if (isVersion1)
    return { realSize: decimal(size ?? "", "GNU.sparse.realsize"), fragments: [], needsMap: true };
  const map = records.get("GNU.sparse.map");
  if (size === undefined && map === undefined) return undefined;
  const numbers =
    map === undefined
      ? all.filter(([key]) => key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes").map(pairValue)
      : map === ""
        ? []
        : map.split(",");
  const realSize = decimal(size ?? "", "GNU.sparse.size");
  return {
    realSize,
    fragments: fragmentsOf(numbers.map((text) => decimal(text, "sparse map"))),
    needsMap: false,
  };
}

function pairValue([key, value]: readonly [string, string], index: number): string {
  const expected = index % 2 === 0 ? "GNU.sparse.offset" : "GNU.sparse.numbytes";
  if (key !== expected) throw invalidTar("a sparse map out of order");
  return value;
}

/** The four stretches in the header of the old GNU format. */
export function sparseOfOldGnu(block: Uint8Array): SparseHeader & { readonly isExtended: boolean } {
  return {
    realSize: unsignedField(block, 483, 12, "realsize", Number.MAX_SAFE_INTEGER),
    fragments: fragmentsAt(block, 386, 4),
    needsMap: false,
    isExtended: block[482] !== 0,
  };
}

/** A block of 21 more stretches of the old GNU format. */
export function extensionOfOldGnu(block: Uint8Array): {
  readonly fragments: readonly Fragment[];
  readonly isExtended: boolean;
} {
  return { fragments: fragmentsAt(block, 0, 21), isExtended: block[504] !== 0 };
}

function fragmentsAt(block: Uint8Array, at: number, count: number): readonly Fragment[] {
  const fragments: Fragment[] = [];
  for (let index = at; index < at + count * 24; index += 24) {
    if (block[index] === 0) break;
    fragments.push({
      offset: unsignedField(block, index, 12, "sparse offset", Number.MAX_SAFE_INTEGER),
      length: unsignedField(block, index + 12, 12, "sparse length", Number.MAX_SAFE_INTEGER),
    });
  }
  return fragments;
}

/** Reads the map in front of the data in format 1.0, block by block. */
export class SparseMapReader {
  #text = "";
  #count: number | undefined;
  #lines = 0;

  /** Bytes of map so far. */
  get length(): number {
    return this.#text.length;
  }

  /** The stretches once the map is whole. @throws {Fault} `invalid` */
  add(block: Uint8Array): readonly Fragment[] | undefined {
    const text = textOfBytes(block);
    this.#text += text;
    for (let index = 0; index < blockSize; index++) if (block[index] === 0x0a) this.#lines++;
    if (this.#lines === 0) throw invalidTar("a sparse map without a count");
    this.#count ??= decimal(this.#text.slice(0, this.#text.indexOf("\n")), "sparse map");
    if (this.#count > maxFragments) throw invalidTar("a sparse map that is too long");
    if (this.#lines < 1 + 2 * this.#count) {
      if (this.#text.length > 48 * maxFragments) throw invalidTar("a sparse map that is too long");
      return undefined;
    }
    const numbers = this.#text.split("\n", 1 + 2 * this.#count).slice(1);
    return fragmentsOf(numbers.map((number) => decimal(number, "sparse map")));
  }
}

function fragmentsOf(numbers: readonly number[]): readonly Fragment[] {
  if (numbers.length % 2 !== 0 || numbers.length > 2 * maxFragments)
    throw invalidTar("a sparse map of odd size");
  const fragments: Fragment[] = [];
  for (let index = 0; index < numbers.length; index += 2)
    fragments.push({ offset: numbers[index] ?? 0, length: numbers[index + 1] ?? 0 });
  return fragments;
}

/** @throws {Fault} `invalid` when stretches overlap, leave the file, or are not exactly what is stored. */
export function checkFragments(fragments: readonly Fragment[], realSize: number, storedSize: number): void {
  if (fragments.length > maxFragments) throw invalidTar("a sparse map that is too long");
  let end = 0;
  let stored = 0;
  for (const { offset, length } of fragments) {
    if (offset < end || offset + length > realSize) throw invalidTar("a sparse map that lies");
    end = offset + length;
    stored += length;
  }
  if (stored !== storedSize) throw invalidTar("a sparse map that does not fit the data");
}
