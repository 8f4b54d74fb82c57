import { dirname } from "node:path";
import { BlockReader } from "./block-reader.ts";
import { FolderWatch } from "./folder-watch.ts";
import { findSince, findTail, type LogPosition, longestLineBytes } from "./log-position.ts";
import type { LogFile, LogQuery } from "./log-query.ts";
import { currentLog, isMissing, type OpenLog, openLogs } from "./open-logs.ts";
import { Renderer } from "./renderer.ts";

const lineFeed = 0x0a;
const nothing: Buffer = Buffer.alloc(0);

/**
 * Reads a log, oldest record first, in chunks of up to about 1 MiB. Without `follow` it is the log as it was when reading
 * began; with it, nothing is lost or doubled by rotations as long as the files are kept, and it ends when the writer has ended
 * and everything is read, or at the first record after `until`; there is no clock in here, so whoever wants a silent log to end
 * at `until` settles `ended` then. A log that does not exist yet is empty.
 *
 * `tail` is counted before any other choice, as Docker does: it is the end of the log, of which the query then takes its part.
 *
 * @throws the signal's reason when that aborts; every handle is closed then, whether or not anybody is waiting for a chunk
 * @see docs/formats/log.md
 */
export async function* readLog(
  file: LogFile,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  signal.throwIfAborted();
  const reader = new LogReader(file, query, signal);
  const close = () => void reader[Symbol.asyncDispose]().catch(() => undefined);
  signal.addEventListener("abort", close, { once: true });
  try {
    await reader.open();
    yield* query.follow ? reader.follow() : reader.readAll();
  } catch (error) {
    signal.throwIfAborted(); // what fails because of that is not the caller's concern
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
    await reader[Symbol.asyncDispose]();
  }
}

class LogReader implements AsyncDisposable {
  readonly #file: LogFile;
  readonly #query: LogQuery;
  readonly #signal: AbortSignal;
  readonly #renderer: Renderer;
  /** Oldest first; the first one is being read. */
  #logs: OpenLog[] = [];
  #blocks: BlockReader | undefined;
  #rest: Buffer = nothing;
  #isInGarbage = false;
  #watch: FolderWatch | undefined;
  #isEnded = false;
  #isClosed = false;

  constructor(file: LogFile, query: LogQuery, signal: AbortSignal) {
    this.#file = file;
    this.#query = query;
    this.#signal = signal;
    this.#renderer = new Renderer(query);
  }

  async open(): Promise<void> {
    if (this.#query.follow) this.#watchFolder();
    await this.#adopt(await openLogs(this.#file.path, this.#signal));
    const start = await this.#findStart();
    for (const log of this.#logs.splice(0, start.index)) await log.handle.close();
    this.#beginFile(start.offset);
  }

  async *readAll(): AsyncGenerator<Buffer> {
    while (this.#logs.length > 0) {
      yield* this.#drain();
      if (this.#renderer.isDone) break;
      await this.#nextFile();
    }
    yield* this.#flush();
  }

  async *follow(): AsyncGenerator<Buffer> {
    while (!this.#isClosed) {
      // Both are asked before reading to the end: what is true then stays true, and nothing can come behind that end.
      const hasSuccessor = this.#logs.length > 1;
      const isEnded = this.#isEnded;
      yield* this.#drain();
      if (this.#renderer.isDone) break;
      if (hasSuccessor) {
        await this.#nextFile();
        continue;
      }
      if (await this.#findSuccessors()) continue;
      if (isEnded || this.#watch === undefined) break;
      yield* this.#flush();
      this.#blocks?.idle();
      await this.#watch.change();
      this.#signal.throwIfAborted();
    }
    yield* this.#flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#watch?.[Symbol.dispose]();
    await Promise.all(this.#logs.splice(0).map((log) => log.handle.close()));
  }

  /** Before the files are opened, so that no change falls between. */
  #watchFolder(): void {
    try {
      this.#watch = new FolderWatch(dirname(this.#file.path));
    } catch (error) {
      if (isMissing(error)) return; // nobody will write there: as good as ended
      throw error;
    }
    const end = () => {
      this.#isEnded = true;
      this.#watch?.poke();
    };
    this.#file.ended.then(end, end);
  }

  async #findStart(): Promise<LogPosition> {
    let start: LogPosition = { index: 0, offset: 0 };
    const { tail, since } = this.#query;
    if (tail !== undefined) start = await findTail(this.#logs, tail, this.#signal);
    if (since !== undefined) start = await findSince(this.#logs, start, since, this.#signal);
    return start;
  }

  async *#drain(): AsyncGenerator<Buffer> {
    if (this.#blocks === undefined) return;
    for (;;) {
      this.#signal.throwIfAborted();
      const block = await this.#blocks.next(this.#rest);
      if (block === undefined) return;
      let at = this.#isInGarbage ? this.#endOfGarbage(block) : 0;
      for (;;) {
        at = this.#renderer.render(block, at);
        if (this.#renderer.isFull) yield* this.#flush();
        else break;
      }
      if (this.#renderer.isDone) return;
      this.#rest = block.subarray(at);
      if (this.#rest.length > longestLineBytes) {
        this.#isInGarbage = true;
        this.#rest = nothing;
      }
    }
  }

  *#flush(): Generator<Buffer> {
    const chunk = this.#renderer.take();
    if (chunk !== undefined) yield chunk;
  }

  #endOfGarbage(block: Buffer): number {
    const end = block.indexOf(lineFeed);
    this.#isInGarbage = end < 0;
    return end < 0 ? block.length : end + 1;
  }

  async #nextFile(): Promise<void> {
    await this.#logs.shift()?.handle.close();
    this.#beginFile(0);
  }

  #beginFile(offset: number): void {
    const log = this.#logs[0];
    this.#rest = nothing; // what was torn off at the end of the last file will never be whole
    this.#isInGarbage = false;
    this.#blocks =
      log === undefined
        ? undefined
        : new BlockReader(log.handle, offset, this.#query.follow ? undefined : log.size);
  }

  /** Looks whether the file that was read to its end is still the one being written. */
  async #findSuccessors(): Promise<boolean> {
    const log = this.#logs[0];
    const current = await currentLog(this.#file.path);
    if (current === undefined) return false; // the watch tells when it is there again
    if (log !== undefined && current.inode === log.inode) return this.#rewindIfEmptied(current.size);
    // A log from before ours is never still there when ours is not, so what is older than ours need not be told apart.
    const found = await openLogs(this.#file.path, this.#signal);
    const ours = found.findIndex(({ inode }) => inode === log?.inode);
    for (const older of found.splice(0, ours + 1)) await older.handle.close();
    await this.#adopt(found);
    if (log === undefined && found.length > 0) this.#beginFile(0);
    return found.length > 0;
  }

  #rewindIfEmptied(size: number): boolean {
    if (this.#blocks === undefined || size >= this.#blocks.position) return false;
    this.#blocks.rewind();
    this.#rest = nothing;
    return true;
  }

  async #adopt(logs: readonly OpenLog[]): Promise<void> {
    this.#logs.push(...logs);
    // The abort came while they were being opened, so nobody else will close them.
    if (this.#isClosed) await this[Symbol.asyncDispose]();
    this.#signal.throwIfAborted();
  }
}
