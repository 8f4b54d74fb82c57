import { constants, createReadStream } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

/** What can be read at any place. */
export interface LogContent {
  readonly handle: FileHandle;
  /** Bytes when it was opened. */
  readonly size: number;
}

/** What the shim writes in front of a file that it had compressed: an empty member with an extra field. @see RFC 1952, section 2.3 */
const headLength = 42;
const headStart = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3, 20, 0, 0x47, 0x4e, 16, 0]);
let temporaryFiles = 0;

/** One file of a log, held open: renaming or removing it does not touch its reader. */
export class LogFileHandle {
  readonly path: string;
  /** Names the file for as long as it is open; a compressed one has that of the file that it was made of. */
  readonly inode: bigint;
  /** When it was last written when it was opened, in nanoseconds since 1970. */
  readonly writtenAt: bigint;
  readonly isCompressed: boolean;
  readonly #plain: LogContent;
  #expanded: Promise<LogContent> | undefined;

  /** Undefined when there is no such file. */
  static async open(path: string): Promise<LogFileHandle | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    try {
      const { ino, size, mtimeNs } = await handle.stat({ bigint: true });
      const plain = { handle, size: Number(size) };
      const origin = path.endsWith(".gz") ? await originOf(handle) : undefined;
      return new LogFileHandle(path, plain, origin ?? { inode: ino, writtenAt: mtimeNs });
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  private constructor(
    path: string,
    plain: LogContent,
    origin: { readonly inode: bigint; readonly writtenAt: bigint },
  ) {
    this.path = path;
    this.isCompressed = path.endsWith(".gz");
    this.inode = origin.inode;
    this.writtenAt = origin.writtenAt;
    this.#plain = plain;
  }

  /** What is in it. A compressed one is unpacked, once, into a file without a name beside it. */
  content(): Promise<LogContent> {
    if (!this.isCompressed) return Promise.resolve(this.#plain);
    this.#expanded ??= expand(this.#plain.handle, this.path);
    return this.#expanded;
  }

  /** Whether both are the same file, one of them perhaps before it was compressed. */
  isSameAs(other: LogFileHandle): boolean {
    if (this.inode !== other.inode) return false;
    if (this.isCompressed === other.isCompressed)
      return !this.isCompressed || this.writtenAt === other.writtenAt;
    // Inodes are used again: a compressed one that was written before the other was is an older file.
    return this.isCompressed ? this.writtenAt >= other.writtenAt : other.writtenAt >= this.writtenAt;
  }

  async close(): Promise<void> {
    const expanded = this.#expanded;
    this.#expanded = undefined;
    await this.#plain.handle.close();
    await expanded?.then(
      ({ handle }) => handle.close(),
      () => undefined,
    );
  }
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

async function originOf(
  handle: FileHandle,
): Promise<{ readonly inode: bigint; readonly writtenAt: bigint } | undefined> {
  const head = Buffer.alloc(headLength);
  await handle.read(head, 0, headLength, 0);
  if (!head.subarray(0, headStart.length).equals(headStart)) return undefined;
  return {
    inode: head.readBigUInt64LE(headStart.length),
    writtenAt: head.readBigUInt64LE(headStart.length + 8),
  };
}

async function expand(compressed: FileHandle, path: string): Promise<LogContent> {
  const name = `${path}.${process.pid}-${temporaryFiles++}.tmp`;
  await using undo = new AsyncDisposableStack();
  const handle = await open(name, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  undo.defer(() => handle.close());
  await unlink(name);
  const source = createReadStream("", { fd: compressed.fd, autoClose: false, start: 0 });
  await pipeline(source, createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) await handle.write(chunk);
  });
  const { size } = await handle.stat();
  undo.move();
  return { handle, size };
}
