import { Fault } from "#base/fault.ts";
import type { ByteText } from "#oci/tar/entry.ts";

/** For node:fs and host/sys.ts: text where that is the same, else the bytes. */
export function fsPath(path: ByteText): string | Buffer {
  // oxlint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(path) ? path : Buffer.from(path, "latin1");
}

/** For people: the bytes read as UTF-8. */
export function shown(path: ByteText): string {
  return Buffer.from(path, "latin1").toString();
}

/** A path that people typed, as its bytes. */
export function byteText(path: string): ByteText {
  return Buffer.from(path).toString("latin1");
}

/**
 * The path of an archive's entry relative to the root: without `.`, `..`, doubled and outer slashes; empty for the root.
 *
 * @throws {Fault} `invalid` when it leads out
 */
export function cleanPath(path: ByteText): ByteText {
  if (!/(^|\/)\.{0,2}(\/|$)/.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined)
      throw new Fault("invalid", `invalid path "${shown(path)}" in the archive: it leads out of the root`);
  }
  return parts.join("/");
}

/** Folder and name; the folder of a top-level entry is empty. */
export function splitPath(path: ByteText): readonly [folder: ByteText, name: ByteText] {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
