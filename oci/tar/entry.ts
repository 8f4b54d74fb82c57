/**
 * Names, link targets and attribute names in archives are bytes, not text. They are held as strings with one character per
 * byte (latin1), so that whatever a name is made of survives: {@link textOfBytes} and {@link bytesOfText} convert.
 */
export type ByteText = string;

/** Whole seconds since 1970, possibly negative, and 0…999,999,999 nanoseconds. */
export interface TarTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export type TarEntryType = "file" | "link" | "symlink" | "char" | "block" | "directory" | "fifo";

export interface TarEntry {
  readonly type: TarEntryType;
  /** As it stands in the archive: it may be absolute, hold `..` or end in a slash. Never empty, never with a NUL. */
  readonly path: ByteText;
  /** Target of a link or symlink, else empty. */
  readonly linkPath: ByteText;
  /** Permission, set-id and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of the file with its holes; 0 for all but files. */
  readonly size: number;
  readonly mtime: TarTime;
  readonly atime?: TarTime;
  /** Of a device, else 0. */
  readonly major: number;
  readonly minor: number;
  /** Extended attributes (`SCHILY.xattr.`); absent when there are none. */
  readonly xattrs?: ReadonlyMap<ByteText, Uint8Array>;
}

export const blockSize = 512;

/** Bytes as text, one character each. */
export function textOfBytes(bytes: Uint8Array): ByteText {
  if (bytes.length <= 4096) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096)
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + 4096) as unknown as number[]);
  return text;
}

/** The inverse of {@link textOfBytes}. */
export function bytesOfText(text: ByteText): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}
