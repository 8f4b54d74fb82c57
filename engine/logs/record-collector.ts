import {
  canonicalTextEnd,
  headLength,
  parseRecord,
  type Stream,
  streamOfTail,
  timeOffset,
} from "./json-record.ts";
import { unescapeInto } from "./json-text.ts";
import { timeLength } from "./log-time.ts";

const mostRecords = 512;
const mostBytes = 256 * 1024;
/** Texts are put behind one another: a buffer for each of them would be most of what garbage collection has to do. */
const roomBytes = 64 * 1024;
const lineFeed = 0x0a;

/** One record, taken out of its file. */
export interface CollectedRecord {
  readonly stream: Stream;
  /** In the fixed form of log-time.ts. */
  readonly time: string;
  /** Without its line feed. */
  readonly text: Buffer;
  /** Whether it had one. */
  readonly endsLine: boolean;
}

/** Records in order, as many as a driver sends at once. */
export interface RecordBatch {
  readonly records: readonly CollectedRecord[];
}

/** Takes records apart for those who send them on. */
export class RecordCollector {
  #records: CollectedRecord[] = [];
  #bytes = 0;
  #since = "";
  #room = Buffer.alloc(0);
  #used = 0;
  /** The shim gives what it reads at once one time: it is made a string once. */
  #time = "";
  readonly #timeBytes = new Uint8Array(timeLength);
  readonly isDone = false;

  get isFull(): boolean {
    return this.#records.length >= mostRecords || this.#bytes >= mostBytes;
  }

  /** Leaves out records that are older. */
  skipBefore(time: string): void {
    this.#since = time;
  }

  take(): RecordBatch | undefined {
    if (this.#records.length === 0) return undefined;
    const records = this.#records;
    this.#records = [];
    this.#bytes = 0;
    return { records };
  }

  render(block: Buffer, from: number): number {
    let at = from;
    while (!this.isFull) {
      const end = block.indexOf(lineFeed, at);
      if (end < 0) break;
      const record = this.#recordAt(block, at, end);
      if (record !== undefined && record.time >= this.#since) this.#records.push(record);
      this.#bytes += end - at;
      at = end + 1;
    }
    return at;
  }

  /** Of the line from `start` to `end`; undefined when it is none. */
  #recordAt(block: Buffer, start: number, end: number): CollectedRecord | undefined {
    const textEnd = canonicalTextEnd(block, start, end);
    if (textEnd < 0) return foreignRecord(block.subarray(start, end));
    const textStart = start + headLength;
    this.#makeRoom(textEnd - textStart);
    const begin = this.#used;
    const last = unescapeInto(block, textStart, textEnd, this.#room, begin);
    if (last < 0) return foreignRecord(block.subarray(start, end));
    this.#used = last;
    const endsLine = last > begin && this.#room[last - 1] === lineFeed;
    return {
      stream: streamOfTail(block, textEnd) as Stream,
      time: this.#timeAt(block, textEnd + timeOffset),
      text: this.#room.subarray(begin, endsLine ? last - 1 : last),
      endsLine,
    };
  }

  #makeRoom(bytes: number): void {
    if (this.#room.length - this.#used >= bytes) return;
    this.#room = Buffer.allocUnsafeSlow(Math.max(bytes, roomBytes));
    this.#used = 0;
  }

  #timeAt(block: Buffer, at: number): string {
    let same = timeLength;
    while (same > 0 && block[at + same - 1] === this.#timeBytes[same - 1]) same--; // the last digits change first
    if (same === 0) return this.#time;
    this.#timeBytes.set(block.subarray(at, at + timeLength));
    this.#time = block.toString("latin1", at, at + timeLength);
    return this.#time;
  }
}

function foreignRecord(line: Buffer): CollectedRecord | undefined {
  const record = parseRecord(line);
  if (record === undefined) return undefined;
  const endsLine = record.text.at(-1) === lineFeed;
  return { ...record, text: endsLine ? record.text.subarray(0, -1) : record.text, endsLine };
}
