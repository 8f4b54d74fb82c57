import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { annotationOf } from "./labels.ts";
import { lastLines } from "./logs/log-tail.ts";
import type { RuntimeContainer } from "./runtime-pod.ts";

const mostBytes = 4096;
const [fallbackBytes, fallbackLines] = [2048, 80];

/** A container's last words: what it wrote to its file, or the end of its log where it wants that and has failed. */
export function terminationMessage(container: RuntimeContainer): string {
  const own = container.terminationLog === undefined ? "" : readStart(container.terminationLog);
  if (own !== "") return own;
  const policy = container.annotations[annotationOf.terminationMessagePolicy];
  if (policy !== "FallbackToLogsOnError" || container.exitCode === 0) return "";
  return lastLines(container.logPath, fallbackLines, fallbackBytes);
}

function readStart(path: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    if (!fstatSync(fd).isFile()) return "";
    const bytes = Buffer.alloc(mostBytes);
    return bytes.subarray(0, readSync(fd, bytes, 0, mostBytes, 0)).toString();
  } catch {
    return "";
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
