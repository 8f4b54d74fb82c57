import { factsOf, type LineFacts } from "./json-record.ts";
import { formatTime } from "./log-time.ts";
import type { LogFileHandle } from "./log-file.ts";

/** A place in a rotated log: byte `offset` of the file `index`, counted from the oldest. */
export interface LogPosition {
  readonly index: number;
  readonly offset: number;
}

const blockBytes = 64 * 1024;
const largestBlockBytes = 1024 * 1024;
/** A line that is longer than this is no record. */
export const longestLineBytes = 4 * 1024 * 1024;
/** What the shim writes is never longer: a line of 16 KiB, escaped, with its attributes. */
const largestRecordBytes = 256 * 1024;
/** Below this a file is read from its start: looking for the place would not be faster. */
const searchBytes = 1024 * 1024;
/** A host's clock may have been set back by this much while the log was written. */
const clockMarginNanoseconds = 2_000_000_000n;
const lineFeed = 0x0a;

/**
 * Where the last `count` lines begin; reads only the end of the log, backwards, across files. What does not end with a line
 * feed at the very end counts as a line. Records between the parts of a line that was split are counted where they stand.
 */
export async function findTail(
  logs: readonly LogFileHandle[],
  count: number,
  signal: AbortSignal,
): Promise<LogPosition> {
  let left = count;
  let isLast = true;
  for (let index = logs.length - 1; index >= 0; index--) {
    for await (const { facts, next } of linesBackwards(logs[index] as LogFileHandle, signal)) {
      if (facts.endsLine || isLast) {
        if (left === 0) return { index, offset: next };
        left--;
      }
      isLast = false;
    }
  }
  return { index: 0, offset: 0 };
}

/**
 * A place at or after `from` that no record from `since` on lies before. Whole files and, in the file where it must be, halves
 * are passed over by the time of one record; the times may be out of order by two seconds.
 */
export async function findSince(
  logs: readonly LogFileHandle[],
  from: LogPosition,
  since: bigint,
  signal: AbortSignal,
): Promise<LogPosition> {
  const bound = formatTime(since - clockMarginNanoseconds);
  let position = from;
  while (position.index < logs.length - 1) {
    const time = await lastTime(logs[position.index] as LogFileHandle, signal);
    if (time === undefined || time >= bound) break;
    position = { index: position.index + 1, offset: 0 };
  }
  const log = logs[position.index];
  if (log === undefined) return position;
  let low = position.offset;
  let high = (await log.content()).size;
  while (high - low > searchBytes) {
    signal.throwIfAborted();
    const middle = low + Math.floor((high - low) / 2);
    const found = await firstRecordAfter(log, middle);
    if (found !== undefined && found.time < bound) low = found.offset;
    else high = middle;
  }
  return { index: position.index, offset: low };
}

/** Whether `time` is that of the record that ends at `offset`. */
export async function endsRecord(log: LogFileHandle, offset: number, time: string): Promise<boolean> {
  if (offset > (await log.content()).size) return false;
  const block = await readAt(log, Math.max(0, offset - largestRecordBytes), offset);
  if (block.at(-1) !== lineFeed) return false;
  const before = block.length < 2 ? -1 : block.lastIndexOf(lineFeed, block.length - 2);
  return factsOf(block, before + 1, block.length - 1)?.time === time;
}

async function lastTime(log: LogFileHandle, signal: AbortSignal): Promise<string | undefined> {
  if (log.isCompressed) return formatTime(log.writtenAt);
  for await (const { facts } of linesBackwards(log, signal)) return facts.time;
  return undefined;
}

async function firstRecordAfter(
  log: LogFileHandle,
  offset: number,
): Promise<{ readonly time: string; readonly offset: number } | undefined> {
  const block = await readAt(log, offset, offset + 4 * blockBytes);
  let start = block.indexOf(lineFeed) + 1;
  while (start > 0) {
    const end = block.indexOf(lineFeed, start);
    if (end < 0) return undefined;
    const facts = factsOf(block, start, end);
    if (facts !== undefined) return { time: facts.time, offset: offset + start };
    start = end + 1;
  }
  return undefined;
}

/** The records of a file, last first, each with the offset of what follows it. An unfinished line at the end is none. */
async function* linesBackwards(
  log: LogFileHandle,
  signal: AbortSignal,
): AsyncGenerator<{ readonly facts: LineFacts; readonly next: number }> {
  let unseen = (await log.content()).size;
  let size = blockBytes;
  let later: Buffer = Buffer.alloc(0); // the end of a line whose start is not read yet
  while (unseen > 0) {
    signal.throwIfAborted();
    const start = Math.max(0, unseen - size);
    const block = Buffer.concat([await readAt(log, start, unseen), later]);
    let end = block.lastIndexOf(lineFeed);
    while (end >= 0) {
      const before = end === 0 ? -1 : block.lastIndexOf(lineFeed, end - 1);
      if (before < 0 && start > 0) break;
      const facts = factsOf(block, before + 1, end);
      if (facts !== undefined) yield { facts, next: start + end + 1 };
      end = before;
    }
    later = block.subarray(0, end + 1);
    if (later.length > longestLineBytes) later = later.subarray(-1);
    unseen = start;
    size = Math.min(size * 2, largestBlockBytes);
  }
}

async function readAt(log: LogFileHandle, start: number, end: number): Promise<Buffer> {
  const { handle, size } = await log.content();
  const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(end, size) - start));
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, start + length);
    if (bytesRead === 0) break; // emptied under our feet
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}
