import { Fault } from "./fault.ts";

/** A file in the root folder of an image. */
export interface IsoFile {
  /** As guests see it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The same without its bytes. */
export interface IsoEntry {
  readonly name: string;
  readonly length: number;
}

const sector = 2048;
const longestFile = 2 ** 32 - 1;
/** Programs that tell file systems apart read their first 68 KiB, and take a medium with fewer for a broken one. */
const fewestSectors = 150;
const [pvdAt, svdAt, endAt] = [16, 17, 18];
const [lPathAt, mPathAt, lJolietAt, mJolietAt, rootAt, jolietRootAt, filesAt] = [19, 20, 21, 22, 23, 24, 25];
const rootRecordBytes = 34;
const encoder = new TextEncoder();

/**
 * An image of files in one folder, with Joliet's and Rock Ridge's long names: what Linux, Windows and cloud-init read alike. The
 * same files give the same bytes.
 *
 * @param label at most 16 capital letters, digits and `_`, or small letters as cloud-init looks for them
 * @see ECMA-119; Joliet specification; SUSP 1.12 and RRIP 1.12
 */
export function writeIso(label: string, files: readonly IsoFile[]): Uint8Array {
  const plan = planIso(
    label,
    files.map(({ name, bytes }) => ({ name, length: bytes.length })),
  );
  const pieces = files.flatMap(({ bytes }, i) => [bytes, new Uint8Array(plan.paddings[i] ?? 0)]);
  return concat([plan.head, ...pieces]);
}

/** What an image is made of beside its files. */
export interface IsoPlan {
  /** What comes before them. */
  readonly head: Uint8Array;
  /** How many zeros follow each. */
  readonly paddings: readonly number[];
  /** Of the whole image. */
  readonly length: number;
}

/**
 * An image of at least one file that is written piece by piece, as {@link writeIso} does at once.
 *
 * @throws {Fault} `invalid` for a file of 4 GiB or more
 */
export function planIso(label: string, entries: readonly IsoEntry[]): IsoPlan {
  const tooLong = entries.find(({ length }) => length > longestFile);
  if (tooLong !== undefined) throw new Fault("invalid", `${tooLong.name} is too large for an ISO image`);
  const placed = placeFiles(entries);
  const total = Math.max(fewestSectors, ...placed.map(({ entry, at }) => at + sectorsOf(entry.length)));
  const head = new Uint8Array(filesAt * sector);
  const put = (at: number, bytes: Uint8Array) => head.set(bytes, at * sector);
  put(pvdAt, volumeDescriptor(label, total, false));
  put(svdAt, volumeDescriptor(label, total, true));
  put(endAt, Uint8Array.from([255, ...encoder.encode("CD001"), 1]));
  for (const [at, root, isBig] of [
    [lPathAt, rootAt, false],
    [mPathAt, rootAt, true],
    [lJolietAt, jolietRootAt, false],
    [mJolietAt, jolietRootAt, true],
  ] as const)
    put(at, pathTable(root, isBig));
  put(rootAt, folder(rootAt, placed, false));
  put(jolietRootAt, folder(jolietRootAt, placed, true));
  const paddings = placed.map(
    ({ entry, at }, i) => ((placed[i + 1]?.at ?? total) - at) * sector - entry.length,
  );
  return { head, paddings, length: total * sector };
}

interface Placed {
  readonly entry: IsoEntry;
  /** Its first sector. */
  readonly at: number;
  /** Unique, in ISO's own letters. */
  readonly shortName: string;
}

function placeFiles(entries: readonly IsoEntry[]): readonly Placed[] {
  const placed: Placed[] = [];
  let at = filesAt;
  for (const [i, entry] of entries.entries()) {
    const letters = entry.name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");
    placed.push({ entry, at, shortName: `${letters.slice(0, 6)}${i}.;1` });
    at += sectorsOf(entry.length);
  }
  return placed;
}

function sectorsOf(bytes: number): number {
  return Math.ceil(bytes / sector);
}

function volumeDescriptor(label: string, total: number, isJoliet: boolean): Uint8Array {
  const descriptor = new Uint8Array(sector);
  const text = (at: number, length: number, value: string) => {
    const bytes = isJoliet ? ucs2(value) : encoder.encode(value);
    for (let i = 0; i < length; i++) descriptor[at + i] = isJoliet && i % 2 === 0 ? 0 : 0x20;
    descriptor.set(bytes.subarray(0, length), at);
  };
  descriptor.set([isJoliet ? 2 : 1, ...encoder.encode("CD001"), 1]);
  text(8, 32, "LINUX");
  text(40, 32, label);
  descriptor.set(both32(total), 80);
  // Level 3 of UCS-2.
  if (isJoliet) descriptor.set([0x25, 0x2f, 0x45], 88);
  descriptor.set(both16(1), 120);
  descriptor.set(both16(1), 124);
  descriptor.set(both16(sector), 128);
  descriptor.set(both32(10), 132);
  descriptor.set(little32(isJoliet ? lJolietAt : lPathAt), 140);
  descriptor.set(big32(isJoliet ? mJolietAt : mPathAt), 148);
  descriptor.set(
    record(Uint8Array.of(0), isJoliet ? jolietRootAt : rootAt, sector, true, new Uint8Array()),
    156,
  );
  text(190, 128, "");
  text(318, 128, "");
  text(446, 128, "");
  text(574, 128, "GANTRY");
  text(702, 37, "");
  text(739, 37, "");
  text(776, 37, "");
  for (const at of [813, 830, 847, 864]) descriptor.set(encoder.encode("0".repeat(16)), at);
  descriptor[881] = 1;
  return descriptor;
}

function pathTable(root: number, isBig: boolean): Uint8Array {
  return Uint8Array.from([
    1,
    0,
    ...(isBig ? big32(root) : little32(root)),
    ...(isBig ? [0, 1] : [1, 0]),
    0,
    0,
  ]);
}

function folder(own: number, placed: readonly Placed[], isJoliet: boolean): Uint8Array {
  const extensions = (...entries: readonly Uint8Array[]) => (isJoliet ? new Uint8Array() : concat(entries));
  const records = [
    record(Uint8Array.of(0), own, sector, true, extensions(useSharing, rockRidge, permissions(0o40555))),
    record(Uint8Array.of(1), own, sector, true, extensions(permissions(0o40555))),
    // Sorted by the names that stand here, as the standard asks.
    ...placed
      .toSorted((a, b) => (a.shortName < b.shortName ? -1 : 1))
      .map(({ entry, at, shortName }) => {
        const name = isJoliet ? ucs2(entry.name) : encoder.encode(shortName);
        return record(name, at, entry.length, false, extensions(permissions(0o100444), longName(entry.name)));
      }),
  ];
  const bytes = concat(records);
  if (bytes.length > sector) throw new Error("too many files for one sector of folder");
  return bytes;
}

/** @see ECMA-119, 9.1 */
function record(
  name: Uint8Array,
  at: number,
  length: number,
  isFolder: boolean,
  extensions: Uint8Array,
): Uint8Array {
  const padded = name.length % 2 === 0 ? [...name, 0] : [...name];
  const size = rootRecordBytes - 1 + padded.length + extensions.length + (extensions.length % 2);
  const bytes = new Uint8Array(size);
  bytes.set([
    size,
    0,
    ...both32(at),
    ...both32(length),
    70,
    1,
    1,
    0,
    0,
    0,
    0,
    isFolder ? 2 : 0,
    0,
    0,
    ...both16(1),
    name.length,
  ]);
  bytes.set(padded, rootRecordBytes - 1);
  bytes.set(extensions, rootRecordBytes - 1 + padded.length);
  return bytes;
}

const useSharing = Uint8Array.from([...encoder.encode("SP"), 7, 1, 0xbe, 0xef, 0]);
const rockRidgeName = encoder.encode("RRIP_1991A");
const rockRidge = Uint8Array.from([
  ...encoder.encode("ER"),
  8 + rockRidgeName.length,
  1,
  rockRidgeName.length,
  0,
  0,
  1,
  ...rockRidgeName,
]);

function permissions(mode: number): Uint8Array {
  return Uint8Array.from([
    ...encoder.encode("PX"),
    36,
    1,
    ...both32(mode),
    ...both32(1),
    ...both32(0),
    ...both32(0),
  ]);
}

function longName(name: string): Uint8Array {
  const bytes = encoder.encode(name);
  return Uint8Array.from([...encoder.encode("NM"), 5 + bytes.length, 1, 0, ...bytes]);
}

function ucs2(text: string): Uint8Array {
  return Uint8Array.from(
    Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)).flatMap((unit) => [
      unit >>> 8,
      unit & 0xff,
    ]),
  );
}

function little32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
}

function big32(value: number): number[] {
  return little32(value).toReversed();
}

function both32(value: number): number[] {
  return [...little32(value), ...big32(value)];
}

function both16(value: number): number[] {
  return [value & 0xff, value >>> 8, value >>> 8, value & 0xff];
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
