import {
  canonicalTextEnd,
  headLength,
  isHead,
  type LogRecord,
  parseRecord,
  type Stream,
  streamOfTail,
  tailLength,
  timeOffset,
} from "./json-record.ts";
import { unescapeInto } from "./json-text.ts";
import type { LogQuery } from "./log-query.ts";
import { formatTime, timeLength } from "./log-time.ts";

const firstChunkBytes = 64 * 1024;
const largestChunkBytes = 1024 * 1024;
const frameHeaderLength = 8;
/** Clients write every frame by itself: the larger it is, the faster they are. */
const largestJoinedBytes = 32 * 1024;
const lineFeed = 0x0a;
const backslash = 0x5c;

/**
 * Turns records into what a client of `logs` gets, in chunks that grow from 64 KiB to 1 MiB. When following, every record that the
 * query wants becomes one frame, which some clients take for a line; otherwise records of one stream share a frame. A line that was split over several records has its timestamp and prefix once.
 */
export class Renderer {
  readonly #wanted: readonly [false, boolean, boolean];
  readonly #since: Buffer | undefined;
  readonly #until: Buffer | undefined;
  readonly #isFramed: boolean;
  readonly #isJoining: boolean;
  /** Where the last frame begins and what it is of. */
  #lastFrame = -1;
  #lastStream: Stream | undefined;
  readonly #timestamps: boolean;
  readonly #prefix: Buffer;
  /** Room that a record needs at most, beside its text. */
  readonly #overhead: number;
  /** By stream: its last record ended a line. */
  readonly #isAtLineStart = [true, true, true];
  #capacity = firstChunkBytes;
  #chunk = Buffer.alloc(0);
  /** What lies before it in the chunk was taken. */
  #start = 0;
  #length = 0;
  #isFull = false;
  #isDone = false;

  constructor(query: LogQuery) {
    this.#wanted = [false, query.stdout, query.stderr];
    this.#since = query.since === undefined ? undefined : Buffer.from(formatTime(query.since));
    this.#until = query.until === undefined ? undefined : Buffer.from(formatTime(query.until));
    this.#isFramed = query.framing === "multiplexed";
    this.#isJoining = this.#isFramed && !query.follow;
    this.#timestamps = query.timestamps;
    this.#prefix = Buffer.from(query.prefix ?? "");
    this.#overhead = frameHeaderLength + timeLength + 1 + this.#prefix.length;
  }

  /** The chunk has no room for the next record: take it, then go on rendering. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** A record after `until` was seen: there is nothing more to come. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** What was rendered since the last call; undefined when that is nothing. */
  take(): Buffer | undefined {
    if (this.#length === this.#start) return undefined;
    const taken = this.#chunk.subarray(this.#start, this.#length);
    this.#start = this.#length;
    if (this.#isFull) this.#capacity = Math.min(this.#capacity * 4, largestChunkBytes);
    this.#isFull = false;
    return taken;
  }

  /**
   * Renders the whole lines of `block` from `from` on and returns where it stopped: at an unfinished line, at a record that the
   * chunk has no room for, or after `until`.
   */
  render(block: Buffer, from: number): number {
    let at = from;
    while (at < block.length && !this.#isDone) {
      const plainEnd = this.#plainTextEnd(block, at);
      const end = plainEnd >= 0 ? plainEnd + 2 + tailLength : block.indexOf(lineFeed, at);
      if (end < 0) break;
      // A foreign writer's invalid UTF-8 may grow to three times its size.
      if (!this.#makeRoom((plainEnd >= 0 ? end - at : 3 * (end - at)) + this.#overhead)) break;
      if (plainEnd >= 0) this.#renderPlain(block, at + headLength, plainEnd);
      else this.#renderLine(block, at, end);
      at = end + 1;
    }
    return at;
  }

  /**
   * Where the text of a canonical record ends whose only escape is the `\n` at the end, which is nearly every record; -1 for
   * another. Three searches by the C library say so, which is what makes reading fast.
   */
  #plainTextEnd(block: Buffer, at: number): number {
    if (!isHead(block, at)) return -1;
    const textStart = at + headLength;
    const escape = block.indexOf(backslash, textStart);
    if (escape < 0 || block[escape + 1] !== 0x6e || block[escape + 2 + tailLength] !== lineFeed) return -1;
    if (block.indexOf(0x22, textStart) !== escape + 2) return -1;
    return streamOfTail(block, escape + 2) === 0 ? -1 : escape;
  }

  #renderPlain(block: Buffer, textStart: number, escape: number): void {
    const tail = escape + 2;
    const stream = block[tail + 15] === 0x6f ? 1 : 2;
    if (!this.#isWanted(stream, block, tail + timeOffset)) return;
    const frame = this.#beginFrame(stream, block, tail + timeOffset);
    block.copy(this.#chunk, this.#length, textStart, escape);
    this.#length += escape - textStart;
    this.#chunk[this.#length++] = lineFeed;
    this.#endFrame(frame, stream);
  }

  #renderLine(block: Buffer, start: number, end: number): void {
    const textEnd = canonicalTextEnd(block, start, end);
    if (textEnd >= 0) {
      const stream = streamOfTail(block, textEnd) as Stream;
      const time = textEnd + timeOffset;
      // The text lands where it would with a full head in front, so that a line that turns out to be broken leaves no trace.
      const textAt = this.#length + this.#headLengthOf(stream);
      const length = unescapeInto(block, start + headLength, textEnd, this.#chunk, textAt) - textAt;
      if (length >= 0) {
        if (length === 0 || !this.#isWanted(stream, block, time)) return;
        const frame = this.#beginFrame(stream, block, time);
        this.#length += length;
        this.#endFrame(frame, stream);
        return;
      }
    }
    const record = parseRecord(block.subarray(start, end));
    if (record !== undefined) this.#renderRecord(record);
  }

  #renderRecord({ stream, time, text }: LogRecord): void {
    const timeBytes = Buffer.from(time);
    if (text.length === 0 || !this.#isWanted(stream, timeBytes, 0)) return;
    const frame = this.#beginFrame(stream, timeBytes, 0);
    text.copy(this.#chunk, this.#length);
    this.#length += text.length;
    this.#endFrame(frame, stream);
  }

  #isWanted(stream: Stream, bytes: Uint8Array, time: number): boolean {
    if (this.#until !== undefined && compareTime(bytes, time, this.#until) > 0) {
      this.#isDone = true;
      return false;
    }
    if (this.#since !== undefined && compareTime(bytes, time, this.#since) < 0) return false;
    return this.#wanted[stream];
  }

  #headLengthOf(stream: Stream): number {
    const frame = this.#isFramed && !this.#joinsLast(stream) ? frameHeaderLength : 0;
    if (this.#isAtLineStart[stream] !== true) return frame;
    return frame + (this.#timestamps ? timeLength + 1 : 0) + this.#prefix.length;
  }

  /** The record can go on in the frame before it, which has not been taken yet. */
  #joinsLast(stream: Stream): boolean {
    if (!this.#isJoining || this.#lastStream !== stream || this.#lastFrame < this.#start) return false;
    return this.#length - this.#lastFrame < largestJoinedBytes;
  }

  #beginFrame(stream: Stream, bytes: Uint8Array, time: number): number {
    const isJoined = this.#joinsLast(stream);
    const frame = isJoined ? this.#lastFrame : this.#length;
    let at = this.#isFramed && !isJoined ? frame + frameHeaderLength : this.#length;
    if (this.#isAtLineStart[stream] === true) {
      if (this.#timestamps) {
        for (let index = 0; index < timeLength; index++) this.#chunk[at++] = bytes[time + index] as number;
        this.#chunk[at++] = 0x20;
      }
      if (this.#prefix.length > 0) at += this.#prefix.copy(this.#chunk, at);
    }
    this.#length = at;
    return frame;
  }

  #endFrame(frame: number, stream: Stream): void {
    const chunk = this.#chunk;
    this.#isAtLineStart[stream] = chunk[this.#length - 1] === lineFeed;
    if (!this.#isFramed) return;
    this.#lastFrame = frame;
    this.#lastStream = stream;
    const size = this.#length - frame - frameHeaderLength;
    chunk[frame] = stream;
    chunk[frame + 1] = 0;
    chunk[frame + 2] = 0;
    chunk[frame + 3] = 0;
    chunk[frame + 4] = size >>> 24;
    chunk[frame + 5] = size >>> 16;
    chunk[frame + 6] = size >>> 8;
    chunk[frame + 7] = size;
  }

  #makeRoom(bytes: number): boolean {
    if (this.#length + bytes <= this.#chunk.length) return true;
    if (this.#length > this.#start) {
      this.#isFull = true;
      return false;
    }
    this.#start = 0;
    this.#length = 0;
    this.#lastStream = undefined;
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(bytes, this.#capacity));
    return true;
  }
}

function compareTime(bytes: Uint8Array, at: number, bound: Uint8Array): number {
  for (let index = 0; index < timeLength; index++) {
    const difference = (bytes[at + index] as number) - (bound[index] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}
