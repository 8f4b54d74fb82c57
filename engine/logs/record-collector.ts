import {
  canonicalTextEnd,
  headLength,
  type LogRecord,
  parseRecord,
  type Stream,
  streamOfTail,
  timeOffset,
} from "./json-record.ts";
import { unescapeInto } from "./json-text.ts";
import { timeLength } from "./log-time.ts";

const mostRecords = 512;
const mostBytes = 256 * 1024;
const lineFeed = 0x0a;

/** Records in order, as many as a driver sends at once. */
export interface RecordBatch {
  readonly records: readonly LogRecord[];
}

/** Takes records apart for those who send them on. */
export class RecordCollector {
  #records: LogRecord[] = [];
  #bytes = 0;
  #since = "";
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
      const record = recordAt(block, at, end);
      if (record !== undefined && record.time >= this.#since) this.#records.push(record);
      this.#bytes += end - at;
      at = end + 1;
    }
    return at;
  }
}

/** Of the line from `start` to `end`; undefined when it is none. */
function recordAt(block: Buffer, start: number, end: number): LogRecord | undefined {
  const textEnd = canonicalTextEnd(block, start, end);
  if (textEnd < 0) return parseRecord(block.subarray(start, end));
  const textStart = start + headLength;
  const text = Buffer.allocUnsafe(textEnd - textStart);
  const length = unescapeInto(block, textStart, textEnd, text, 0);
  if (length < 0) return parseRecord(block.subarray(start, end));
  const time = block.toString("latin1", textEnd + timeOffset, textEnd + timeOffset + timeLength);
  return { stream: streamOfTail(block, textEnd) as Stream, time, text: text.subarray(0, length) };
}
