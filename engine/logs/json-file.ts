import { basename, dirname } from "node:path";
import { BlockReader } from "./block-reader.ts";
import { FolderWatch } from "./folder-watch.ts";
import { endsRecord, findSince, findTail, type LogPosition, longestLineBytes } from "./log-position.ts";
import { parseTime } from "./log-time.ts";
import type { LogFile, LogQuery } from "./log-query.ts";
import { isMissing, type LogFileHandle } from "./log-file.ts";
import { currentLog, openLogs } from "./open-logs.ts";
import { RecordCollector, type RecordBatch } from "./record-collector.ts";
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
  yield* read(new LogReader(file, query, new Renderer(query), signal), signal);
}

/** How far a log was read: up to `offset` in the file `inode`, whose last record has this time. */
export interface ShippedPosition {
  readonly inode: string;
  readonly offset: number;
  readonly time: string;
}

/**
 * Follows the records of a log behind `from`, or all there are, in batches, each with the position behind it. Where that is in no
 * file any more, what is left from its time on comes again rather than not at all. Ends as {@link readLog} does with `follow`.
 */
export async function* followRecords(
  file: LogFile,
  from: ShippedPosition | undefined,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch & { readonly position: ShippedPosition }, void, undefined> {
  const reader = new LogReader(file, { follow: true, ...(from && { from }) }, new RecordCollector(), signal);
  for await (const batch of read(reader, signal)) {
    const time = batch.records.at(-1)?.time ?? "";
    yield { ...batch, position: { ...reader.position, time } };
  }
}

async function* read<T>(reader: LogReader<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  signal.throwIfAborted();
  const close = () => void reader[Symbol.asyncDispose]().catch(() => undefined);
  signal.addEventListener("abort", close, { once: true });
  try {
    await reader.open();
    yield* reader.isFollowing ? reader.follow() : reader.readAll();
  } catch (error) {
    signal.throwIfAborted(); // what fails because of that is not the caller's concern
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
    await reader[Symbol.asyncDispose]();
  }
}

/** Takes the records of a file in order, and gives what it made of them. */
interface RecordSink<T> {
  /** There is no room for the next record: take what there is. */
  readonly isFull: boolean;
  /** Nothing more is wanted. */
  readonly isDone: boolean;
  take(): T | undefined;
  /** Works on the whole lines of `block` from `from` on; returns where it stopped. */
  render(block: Buffer, from: number): number;
  /** Leaves out what is older. */
  skipBefore?(time: string): void;
}

interface ReadOptions extends Pick<LogQuery, "follow" | "tail" | "since"> {
  readonly from?: ShippedPosition;
}

class LogReader<T> implements AsyncDisposable {
  readonly #file: LogFile;
  readonly #query: ReadOptions;
  readonly #signal: AbortSignal;
  readonly #renderer: RecordSink<T>;
  /** Of the first of `#logs`, behind what was rendered. */
  #offset = 0;
  /** Oldest first; the first one is being read. */
  #logs: LogFileHandle[] = [];
  #blocks: BlockReader | undefined;
  #rest: Buffer = nothing;
  #isInGarbage = false;
  #watch: FolderWatch | undefined;
  #isEnded = false;
  #isClosed = false;

  constructor(file: LogFile, query: ReadOptions, sink: RecordSink<T>, signal: AbortSignal) {
    this.#file = file;
    this.#query = query;
    this.#signal = signal;
    this.#renderer = sink;
  }

  get isFollowing(): boolean {
    return this.#query.follow;
  }

  get position(): { readonly inode: string; readonly offset: number } {
    return { inode: String(this.#logs[0]?.inode ?? 0), offset: this.#offset };
  }

  async open(): Promise<void> {
    if (this.#query.follow) this.#watchFolder();
    await this.#adopt(await openLogs(this.#file.path, this.#signal));
    const start = await this.#findStart();
    for (const log of this.#logs.splice(0, start.index)) await log.close();
    await this.#beginFile(start.offset);
  }

  async *readAll(): AsyncGenerator<T> {
    while (this.#logs.length > 0) {
      yield* this.#drain();
      if (this.#renderer.isDone) break;
      await this.#nextFile();
    }
    yield* this.#flush();
  }

  async *follow(): AsyncGenerator<T> {
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
    await Promise.all(this.#logs.splice(0).map((log) => log.close()));
  }

  /** Before the files are opened, so that no change falls between. */
  #watchFolder(): void {
    try {
      this.#watch = new FolderWatch(dirname(this.#file.path), basename(this.#file.path));
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
    const { tail, since, from } = this.#query;
    if (from !== undefined) return this.#findShipped(from);
    if (tail !== undefined) start = await findTail(this.#logs, tail, this.#signal);
    if (since !== undefined) start = await findSince(this.#logs, start, since, this.#signal);
    return start;
  }

  async #findShipped({ inode, offset, time }: ShippedPosition): Promise<LogPosition> {
    const index = this.#logs.findLastIndex((log) => String(log.inode) === inode);
    const log = this.#logs[index];
    if (log !== undefined && (await endsRecord(log, offset, time))) return { index, offset };
    this.#renderer.skipBefore?.(time);
    return findSince(this.#logs, { index: 0, offset: 0 }, parseTime(time) ?? 0n, this.#signal);
  }

  async *#drain(): AsyncGenerator<T> {
    if (this.#blocks === undefined) return;
    for (;;) {
      this.#signal.throwIfAborted();
      const block = await this.#blocks.next(this.#rest);
      if (block === undefined) return;
      let at = this.#isInGarbage ? this.#endOfGarbage(block) : 0;
      for (;;) {
        at = this.#renderer.render(block, at);
        this.#offset = this.#blocks.position - block.length + at;
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

  *#flush(): Generator<T> {
    const chunk = this.#renderer.take();
    if (chunk !== undefined) yield chunk;
  }

  #endOfGarbage(block: Buffer): number {
    const end = block.indexOf(lineFeed);
    this.#isInGarbage = end < 0;
    return end < 0 ? block.length : end + 1;
  }

  async #nextFile(): Promise<void> {
    await this.#logs.shift()?.close();
    await this.#beginFile(0);
  }

  async #beginFile(offset: number): Promise<void> {
    const log = this.#logs[0];
    this.#rest = nothing; // what was torn off at the end of the last file will never be whole
    this.#isInGarbage = false;
    this.#offset = offset;
    this.#blocks = undefined;
    if (log === undefined) return;
    const { handle, size } = await log.content();
    this.#blocks = new BlockReader(handle, offset, this.#query.follow ? undefined : size);
  }

  /** Looks whether the file that was read to its end is still the one being written. */
  async #findSuccessors(): Promise<boolean> {
    const log = this.#logs[0];
    const current = await currentLog(this.#file.path);
    if (current === undefined) return false; // the watch tells when it is there again
    if (log !== undefined && !log.isCompressed && current.inode === log.inode)
      return this.#rewindIfEmptied(current.size);
    // A log from before ours is never still there when ours is not, so what is older than ours need not be told apart.
    const found = await openLogs(this.#file.path, this.#signal);
    const ours = found.findLastIndex(({ inode }) => inode === log?.inode);
    for (const older of found.splice(0, ours + 1)) await older.close();
    await this.#adopt(found);
    if (log === undefined && found.length > 0) await this.#beginFile(0);
    return found.length > 0;
  }

  #rewindIfEmptied(size: number): boolean {
    if (this.#blocks === undefined || size >= this.#blocks.position) return false;
    this.#blocks.rewind();
    this.#rest = nothing;
    return true;
  }

  async #adopt(logs: readonly LogFileHandle[]): Promise<void> {
    this.#logs.push(...logs);
    // The abort came while they were being opened, so nobody else will close them.
    if (this.#isClosed) await this[Symbol.asyncDispose]();
    this.#signal.throwIfAborted();
  }
}
