import { createReadStream, type Stats } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { textOfBytes } from "#oci/tar/entry.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";
import { type IgnoreList, parseIgnore } from "./ignore.ts";

export interface ContextOptions {
  /** Always sent, as is the ignore file, whatever that says. */
  readonly dockerfile: string;
  /** Files that are not in the folder. */
  readonly added: readonly { readonly name: string; readonly content: string }[];
  readonly signal: AbortSignal;
}

/** A folder as a tar for the builder, without what its `.dockerignore` names. Files are read as they are sent. */
export async function* contextArchive(folder: string, options: ContextOptions): AsyncGenerator<Uint8Array> {
  const ignore = parseIgnore(await readIgnore(folder, options.dockerfile));
  const kept = new Set([options.dockerfile, ".dockerignore", ...options.added.map(({ name }) => name)]);
  yield* folderEntries(
    folder,
    "",
    { ignores: (path) => !kept.has(path) && ignore.ignores(path), hasExceptions: ignore.hasExceptions },
    options.signal,
  );
  for (const { name, content } of options.added) {
    const bytes = new TextEncoder().encode(content);
    yield tarHeader({ ...blank, type: "file", path: name, mode: 0o644, size: bytes.length });
    yield bytes;
    yield tarPadding(bytes.length);
  }
  yield tarEnd;
}

const blank = {
  linkPath: "",
  uid: 0,
  gid: 0,
  size: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
  major: 0,
  minor: 0,
} as const;

async function readIgnore(folder: string, dockerfile: string): Promise<string> {
  for (const file of [`${dockerfile}.dockerignore`, ".dockerignore"]) {
    const text = await readFile(join(folder, file), "utf8").catch(() => undefined);
    if (text !== undefined) return text;
  }
  return "";
}

async function* folderEntries(
  root: string,
  below: string,
  ignore: IgnoreList,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const names = (await readdir(join(root, below))).sort();
  for (const name of names) {
    signal.throwIfAborted();
    const path = below === "" ? name : `${below}/${name}`;
    const found = await lstat(join(root, path));
    const isIgnored = ignore.ignores(path);
    if (!isIgnored) yield* entryOf(root, path, found);
    if (found.isDirectory() && (!isIgnored || ignore.hasExceptions))
      yield* folderEntries(root, path, ignore, signal);
  }
}

async function* entryOf(root: string, path: string, found: Stats): AsyncGenerator<Uint8Array> {
  const ms = Math.floor(found.mtimeMs);
  const common = {
    ...blank,
    path: textOfBytes(new TextEncoder().encode(found.isDirectory() ? `${path}/` : path)),
    mode: found.mode & 0o7777,
    mtime: { seconds: Math.floor(ms / 1000), nanoseconds: 0 },
  };
  if (found.isDirectory()) yield tarHeader({ ...common, type: "directory" });
  else if (found.isSymbolicLink()) {
    const target = await readlink(join(root, path), "buffer");
    yield tarHeader({ ...common, type: "symlink", linkPath: textOfBytes(target) });
  } else if (found.isFile())
    yield* fileEntry(join(root, path), { ...common, type: "file", size: found.size });
}

/** A file that shrinks or grows while it is read is sent with the size that it had, so that the archive stays one. */
async function* fileEntry(path: string, entry: Parameters<typeof tarHeader>[0]): AsyncGenerator<Uint8Array> {
  yield tarHeader(entry);
  let left = entry.size;
  if (left > 0)
    for await (const chunk of createReadStream(path, { end: entry.size - 1 }) as AsyncIterable<Buffer>) {
      yield chunk;
      left -= chunk.length;
    }
  if (left > 0) yield new Uint8Array(left);
  yield tarPadding(entry.size);
}
