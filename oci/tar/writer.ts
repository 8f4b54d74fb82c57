import { Fault } from "#base/fault.ts";
import { blockSize, type ByteText, type TarEntry, type TarEntryType } from "./entry.ts";
import { encodePax, formatPaxTime, xattrPrefix } from "./pax.ts";

const flagOf: Readonly<Record<TarEntryType, string>> = {
  file: "0",
  link: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

/** What fits into 7 and 11 octal digits. */
const maxShort = 0o7777777;
const maxLong = 0o77777777777;

/**
 * The header of an entry: one ustar block, behind a PAX header when the entry needs more (long names, large numbers, times
 * between seconds, extended attributes). The same entry always gives the same bytes. The content and {@link tarPadding} of its
 * size follow for files only.
 *
 * @throws {Fault} `invalid` for device numbers that no format can hold
 */
export function tarHeader(entry: TarEntry): Uint8Array {
  const path = entry.type === "directory" && !entry.path.endsWith("/") ? `${entry.path}/` : entry.path;
  const split = splitPath(path);
  const records = paxRecordsOf(entry, path, split !== undefined);
  const main = block({
    ...entry,
    flag: flagOf[entry.type],
    ...(split ?? { name: path.slice(0, 100), prefix: "" }),
    size: entry.type === "file" ? entry.size : 0,
    seconds: entry.mtime.seconds,
  });
  if (records.length === 0) return main;
  const body = encodePax(records);
  const head = block({
    flag: "x",
    name: `PaxHeaders.0/${baseName(path)}`.slice(0, 100),
    prefix: "",
    linkPath: "",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    seconds: 0,
    major: 0,
    minor: 0,
  });
  const bodyBlocks = body.length + tarPadding(body.length).length;
  const all = new Uint8Array(2 * blockSize + bodyBlocks);
  all.set(head);
  all.set(body, blockSize);
  all.set(main, blockSize + bodyBlocks);
  return all;
}

const zeros = new Uint8Array(2 * blockSize);

/** The zeros after `size` bytes of content. */
export function tarPadding(size: number): Uint8Array {
  return zeros.subarray(0, (blockSize - (size % blockSize)) % blockSize);
}

/** Two zero blocks: the end of an archive. */
export const tarEnd: Uint8Array = zeros;

function paxRecordsOf(entry: TarEntry, path: ByteText, fits: boolean): [string, string][] {
  const records: [string, string][] = [];
  const { mtime } = entry;
  if (!fits) records.push(["path", path]);
  if (entry.linkPath.length > 100) records.push(["linkpath", entry.linkPath]);
  if (entry.type === "file" && entry.size > maxLong) records.push(["size", String(entry.size)]);
  if (entry.uid > maxShort) records.push(["uid", String(entry.uid)]);
  if (entry.gid > maxShort) records.push(["gid", String(entry.gid)]);
  if (mtime.nanoseconds !== 0 || mtime.seconds < 0 || mtime.seconds > maxLong)
    records.push(["mtime", formatPaxTime(mtime)]);
  for (const [name, value] of [...(entry.xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)))
    records.push([`${xattrPrefix}${name}`, byteText(value)]);
  return records;
}

function byteText(bytes: Uint8Array): ByteText {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Name and prefix of at most 100 and 155 bytes, parted at a slash; undefined when there is no such place. */
function splitPath(path: ByteText): { readonly name: ByteText; readonly prefix: ByteText } | undefined {
  if (path.length <= 100) return { name: path, prefix: "" };
  if (path.length > 256) return undefined;
  const slash = path.indexOf("/", path.length - 101);
  if (slash < 1 || slash > 155 || slash === path.length - 1) return undefined;
  return { name: path.slice(slash + 1), prefix: path.slice(0, slash) };
}

function baseName(path: ByteText): ByteText {
  const trimmed = path.replace(/\/+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("/") + 1);
}

interface Fields {
  readonly flag: string;
  readonly name: ByteText;
  readonly prefix: ByteText;
  readonly linkPath: ByteText;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly seconds: number;
  readonly major: number;
  readonly minor: number;
}

function block(fields: Fields): Uint8Array {
  if (fields.major > maxShort || fields.minor > maxShort)
    throw new Fault("invalid", `archive/tar: cannot encode device ${fields.major}:${fields.minor}`);
  const bytes = new Uint8Array(blockSize);
  put(bytes, 0, fields.name);
  put(bytes, 100, octal(fields.mode & 0o7777, 7));
  put(bytes, 108, octal(fields.uid > maxShort ? 0 : fields.uid, 7));
  put(bytes, 116, octal(fields.gid > maxShort ? 0 : fields.gid, 7));
  put(bytes, 124, octal(fields.size > maxLong ? 0 : fields.size, 11));
  put(bytes, 136, octal(fields.seconds < 0 || fields.seconds > maxLong ? 0 : fields.seconds, 11));
  put(bytes, 148, "        ");
  put(bytes, 156, fields.flag);
  put(bytes, 157, fields.linkPath.slice(0, 100));
  put(bytes, 257, "ustar\u000000");
  put(bytes, 329, octal(fields.major, 7));
  put(bytes, 337, octal(fields.minor, 7));
  put(bytes, 345, fields.prefix);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  put(bytes, 148, `${octal(sum, 6)}\0`);
  return bytes;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}

function put(bytes: Uint8Array, at: number, text: ByteText): void {
  for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
}
