import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { parseLogLine } from "./log-line.ts";

const newline = 0x0a;
const step = 65_536;

/** Where the last `count` lines of a file begin; a line that only goes on counts with its next one. */
export function findTail(fd: number, size: number, count: number): number {
  if (count <= 0) return size;
  const bytes = Buffer.alloc(step);
  let lines = 0;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - step);
    const length = readSync(fd, bytes, 0, end - start, start);
    for (let at = length - 1; at >= 0; at--) {
      if (bytes[at] !== newline || start + at === size - 1) continue;
      if (++lines === count) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

/** The last lines of a log, no more than so many bytes of it; empty when there is none. */
export function lastLines(path: string, lines: number, mostBytes: number): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    const { size } = fstatSync(fd);
    const start = Math.max(findTail(fd, size, lines), size - 8 * mostBytes);
    const bytes = Buffer.alloc(size - start);
    readSync(fd, bytes, 0, bytes.length, start);
    return textOf(bytes, mostBytes);
  } catch {
    return "";
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function textOf(bytes: Buffer, mostBytes: number): string {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(newline, start);
    const line = parseLogLine(bytes.subarray(start, end < 0 ? bytes.length : end));
    if (line !== undefined) parts.push(line.text, ...(line.isPartial ? [] : [Buffer.from("\n")]));
    if (end < 0) break;
    start = end + 1;
  }
  const text = Buffer.concat(parts);
  return text.subarray(Math.max(0, text.length - mostBytes)).toString();
}
