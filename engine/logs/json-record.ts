import { endsWithLineFeed, isStringInside } from "./json-text.ts";
import { formatTime, parseTime, timeLength } from "./log-time.ts";

/** stdcopy's numbers. */
export type Stream = 1 | 2;

/** One record of a json-file log. @see docs/formats/log.md */
export interface LogRecord {
  readonly stream: Stream;
  /** In the fixed form of log-time.ts. */
  readonly time: string;
  readonly text: Buffer;
}

// The canonical form, which the shim always writes: `{"log":"` text `","stream":"stdout","time":"` time `"}`. Everything in
// it but the text has a fixed length, so a record is found from its two ends.
const head = Buffer.from('{"log":"');
const middles = [
  Buffer.from('","stream":"stdout","time":"'),
  Buffer.from('","stream":"stderr","time":"'),
] as const;
const middleLength = middles[0].length;
/** Length of what stands before the text. */
export const headLength = head.length;
/** Length of what stands behind the text, without the line feed. */
export const tailLength = middleLength + timeLength + 2;
/** Where the time begins behind the text. */
export const timeOffset = middleLength;

const streamByteOffset = '","stream":"std'.length;
const letterO = 0x6f;

/** Whether `bytes` has the start of a canonical record at `at`. */
export function isHead(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < head.length; index++) if (bytes[at + index] !== head[index]) return false;
  return true;
}

/** Which stream the canonical end of a record at `at`, right behind its text, names; 0 when it is no such thing. */
export function streamOfTail(bytes: Uint8Array, at: number): Stream | 0 {
  const stream = bytes[at + streamByteOffset] === letterO ? 1 : 2;
  const middle = middles[stream - 1] as Buffer;
  for (let index = 0; index < middleLength; index++) if (bytes[at + index] !== middle[index]) return 0;
  return isTime(bytes, at + middleLength) &&
    bytes[at + tailLength - 2] === 0x22 &&
    bytes[at + tailLength - 1] === 0x7d
    ? stream
    : 0;
}

/**
 * Where the text of a canonical record ends, the record being the line from `start` to `end` (its line feed); -1 when the
 * line is not canonical. The text itself has not been looked at.
 */
export function canonicalTextEnd(bytes: Uint8Array, start: number, end: number): number {
  const textEnd = end - tailLength;
  if (textEnd < start + headLength || !isHead(bytes, start)) return -1;
  return streamOfTail(bytes, textEnd) === 0 ? -1 : textEnd;
}

/** What the tail of a log and the search by time need to know of a line. */
export interface LineFacts {
  readonly time: string;
  readonly endsLine: boolean;
}

/** Facts of the line from `start` to `end` (its line feed); undefined when it is no record. */
export function factsOf(bytes: Buffer, start: number, end: number): LineFacts | undefined {
  const textEnd = canonicalTextEnd(bytes, start, end);
  const textStart = start + headLength;
  if (
    textEnd >= 0 &&
    (bytes.indexOf(0x22, textStart) === textEnd || isStringInside(bytes, textStart, textEnd))
  ) {
    const time = bytes.toString("latin1", textEnd + timeOffset, textEnd + timeOffset + timeLength);
    return { time, endsLine: endsWithLineFeed(bytes, textStart, textEnd) };
  }
  const record = parseRecord(bytes.subarray(start, end));
  return record && { time: record.time, endsLine: record.text.at(-1) === 0x0a };
}

/**
 * Reads a line that is not in the canonical form: from another writer, or torn. A writer that was killed in the middle of a
 * record leaves its start in front of the next one, which is recovered. Undefined when there is no record in it.
 */
export function parseRecord(line: Buffer): LogRecord | undefined {
  const whole = parseJson(line);
  if (whole !== undefined) return whole;
  const at = line.lastIndexOf(head);
  return at > 0 ? parseJson(line.subarray(at)) : undefined;
}

function parseJson(line: Buffer): LogRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line.toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { log, stream, time } = value as { log?: unknown; stream?: unknown; time?: unknown };
  if (typeof log !== "string" || typeof time !== "string") return undefined;
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const nanoseconds = parseTime(time);
  if (nanoseconds === undefined) return undefined;
  return { stream: stream === "stdout" ? 1 : 2, time: formatTime(nanoseconds), text: Buffer.from(log) };
}

function isTime(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at + 4] === 0x2d &&
    bytes[at + 7] === 0x2d &&
    bytes[at + 10] === 0x54 &&
    bytes[at + 13] === 0x3a &&
    bytes[at + 16] === 0x3a &&
    bytes[at + 19] === 0x2e &&
    bytes[at + 29] === 0x5a
  );
}
