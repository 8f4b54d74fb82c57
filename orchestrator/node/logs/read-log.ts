import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { parseLogLine } from "./log-line.ts";
import { findTail } from "./log-tail.ts";

export interface ReadOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** RFC 3339; earlier lines are left out. */
  readonly since?: string;
  readonly stream?: "stdout" | "stderr";
  /** Asked when a followed log has nothing more. */
  readonly isRunning: () => Promise<boolean>;
}

const newline = 0x0a;
const chunkBytes = 65_536;
/** How long a followed log may be quiet before its container is looked at. */
const quietMs = 1_000;

/** The text of a log in a runtime's format, as it was written. Goes on in the next file when the log is rotated while it is followed. */
export async function* readLog(
  path: string,
  options: ReadOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  const since = options.since === undefined ? undefined : Date.parse(options.since);
  let isContinued = false;
  for await (const raw of rawLines(path, options, signal)) {
    const line = parseLogLine(raw);
    if (line === undefined) continue;
    if (options.stream !== undefined && options.stream !== line.stream) continue;
    if (since !== undefined && Date.parse(line.time) < since) continue;
    const begin = options.timestamps && !isContinued ? Buffer.from(`${line.time} `) : Buffer.alloc(0);
    isContinued = line.isPartial;
    const text = Buffer.concat([begin, line.text, ...(line.isPartial ? [] : [Buffer.from("\n")])]);
    yield text.subarray(0, Math.min(left, text.length));
    left -= text.length;
    if (left <= 0) return;
  }
}

async function* rawLines(
  path: string,
  options: ReadOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let file = await openIfThere(path);
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    let at = options.tailLines === undefined ? 0 : findTail(file.fd, size, options.tailLines);
    let rest: Buffer = Buffer.alloc(0);
    using changes = options.follow ? new Changes(path) : undefined;
    while (!signal.aborted) {
      const chunk = Buffer.alloc(chunkBytes);
      const { bytesRead } = await file.read(chunk, 0, chunkBytes, at);
      at += bytesRead;
      if (bytesRead > 0) {
        const all = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
        const end = all.lastIndexOf(newline);
        yield* lines(all.subarray(0, end + 1));
        rest = all.subarray(end + 1);
        continue;
      }
      if (changes === undefined) break;
      const next = await rotated(path, file);
      if (next !== undefined) {
        await file.close();
        file = next;
        at = 0;
        continue;
      }
      if (await changes.next(signal)) continue;
      if (!(await options.isRunning().catch(() => false)) && (await file.stat()).size <= at) break;
    }
    if (rest.length > 0 && !signal.aborted) yield rest;
  } finally {
    await file.close();
  }
}

function* lines(bytes: Buffer): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(newline, start);
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch {
    return undefined;
  }
}

/** The file that has taken the place of this one. */
async function rotated(path: string, file: FileHandle): Promise<FileHandle | undefined> {
  const [now, own] = await Promise.all([stat(path).catch(() => undefined), file.stat()]);
  return now === undefined || now.ino === own.ino ? undefined : await openIfThere(path);
}

/** Tells when a file may have more. */
class Changes implements Disposable {
  readonly #watcher: FSWatcher;
  #hasChanged = false;
  #tell: () => void = () => {};

  constructor(path: string) {
    this.#watcher = watch(path, () => {
      this.#hasChanged = true;
      this.#tell();
    });
    this.#watcher.on("error", () => {});
  }

  /** @returns false when nothing has happened for a while */
  async next(signal: AbortSignal): Promise<boolean> {
    if (!this.#hasChanged) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#tell = resolve;
      const stop = new AbortController();
      const quiet = delay(quietMs, undefined, { signal: AbortSignal.any([signal, stop.signal]) }).catch(
        () => {},
      );
      await Promise.race([promise, quiet]);
      stop.abort();
    }
    const has = this.#hasChanged;
    this.#hasChanged = false;
    return has;
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
  }
}
