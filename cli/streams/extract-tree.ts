import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  lchownSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { bytesOfText, type TarEntry } from "#oci/tar/entry.ts";
import { TarReader, type TarSink } from "#oci/tar/reader.ts";

export interface ExtractOptions {
  /** The folder that everything goes below. */
  readonly folder: string;
  /** What an archive's top is called here. */
  readonly rename: (path: string) => string;
  /** Keeps owners, for root. */
  readonly keepsOwner: boolean;
}

/**
 * Extracts an archive that a stranger made: nothing goes outside `folder`, and nothing through a link that is in the way. Resolves
 * to the bytes of the files.
 *
 * @throws {Fault} `invalid` for an archive that tries
 */
export async function extractTree(
  archive: AsyncIterable<Uint8Array>,
  options: ExtractOptions,
): Promise<number> {
  const sink = new FileSink(options);
  const reader = new TarReader(sink);
  try {
    for await (const chunk of archive) reader.write(chunk);
    sink.finish();
    return sink.bytes;
  } finally {
    sink.close();
  }
}

class FileSink implements TarSink {
  bytes = 0;
  readonly #options: ExtractOptions;
  readonly #later: (() => void)[] = [];
  #file: number | undefined;
  #current: { readonly path: string; readonly entry: TarEntry } | undefined;

  constructor(options: ExtractOptions) {
    this.#options = options;
  }

  entry(entry: TarEntry): void {
    const path = this.#place(textOf(entry.path));
    this.#current = { path, entry };
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined && !(found.isDirectory() && entry.type === "directory")) {
      if (found.isDirectory())
        throw new Fault("invalid", `cannot overwrite directory ${JSON.stringify(path)} with non-directory`);
      rmSync(path);
    }
    switch (entry.type) {
      case "directory":
        if (found === undefined || !found.isDirectory()) mkdirSync(path, { mode: 0o700 });
        return;
      case "file":
        this.#file = openSync(path, "wx", 0o600);
        return;
      case "symlink":
        symlinkSync(textOf(entry.linkPath), path);
        return;
      case "link":
        linkSync(this.#place(textOf(entry.linkPath)), path);
        return;
      default:
        this.#current = undefined;
    }
  }

  data(bytes: Uint8Array, position: number): void {
    if (this.#file === undefined) return;
    for (let at = 0; at < bytes.length; )
      at += writeSync(this.#file, bytes, at, bytes.length - at, position + at);
    this.bytes += bytes.length;
  }

  endEntry(): void {
    this.close();
    const current = this.#current;
    this.#current = undefined;
    if (current === undefined || current.entry.type === "link") return;
    const { path, entry } = current;
    if (entry.type === "directory") this.#later.push(() => this.#setAttributes(path, entry));
    else this.#setAttributes(path, entry);
  }

  /** Modes and times of folders come last, as files in them change those. */
  finish(): void {
    for (const act of this.#later.reverse()) act();
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #setAttributes(path: string, entry: TarEntry): void {
    if (this.#options.keepsOwner) lchownSync(path, entry.uid, entry.gid);
    if (entry.type !== "symlink") chmodSync(path, entry.mode & 0o7777);
    lutimesSync(path, entry.mtime.seconds, entry.mtime.seconds);
  }

  #place(archived: string): string {
    const parts = this.#options
      .rename(archived)
      .split("/")
      .filter((part) => part !== "" && part !== ".");
    if (parts.includes("..")) throw new Fault("invalid", `the archive has a path outside: ${archived}`);
    let path = this.#options.folder;
    for (const part of parts.slice(0, -1)) {
      path = join(path, part);
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (found === undefined) mkdirSync(path, { mode: 0o755 });
      else if (!found.isDirectory())
        throw new Fault("invalid", `the archive goes through ${path}, which is no folder`);
    }
    return join(path, parts.at(-1) ?? ".");
  }
}

function textOf(text: string): string {
  return Buffer.from(bytesOfText(text)).toString();
}
