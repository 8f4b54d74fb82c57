import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "#base/log.ts";
import { chainLine, chainStart, type ChainHead, readLink } from "./audit-chain.ts";
import type { AuditEvent } from "./audit-event.ts";
import { currentName, rotatedIn, rotatedMs, rotatedName } from "./audit-files.ts";

export interface AuditLogDeps {
  /** For the server only: made with mode 700, its files with 600. */
  readonly folder: string;
  readonly now: () => Date;
  readonly log: Log;
  readonly limits?: Partial<AuditLimits>;
}

export interface AuditLimits {
  /** Of a file, before it is put aside. */
  readonly bytes: number;
  readonly backups: number;
  readonly days: number;
  /** Events that wait to be written; more are dropped and counted. */
  readonly waiting: number;
}

/** What the CIS benchmark asks for. */
const defaultLimits: AuditLimits = { bytes: 100 << 20, backups: 10, days: 30, waiting: 10_000 };
const DAY_MS = 86_400_000;
/** A line may be as long as a body with its answer. */
const LAST_LINE_BYTES = 8 << 20;

/**
 * Writes events to a file, each one bound to the one before. Writing never holds a request up and never fails one: what cannot be
 * written, or comes faster than the disk takes it, is dropped, and the next event says how many were.
 */
export class AuditLog implements AsyncDisposable {
  readonly #deps: AuditLogDeps;
  readonly #limits: AuditLimits;
  #waiting: AuditEvent[] = [];
  #dropped = 0;
  #head: ChainHead;
  #file: FileHandle | undefined;
  #bytes: number;
  #running: Promise<void> | undefined;
  #isFailing = false;

  constructor(deps: AuditLogDeps) {
    this.#deps = deps;
    this.#limits = { ...defaultLimits, ...deps.limits };
    mkdirSync(deps.folder, { recursive: true, mode: 0o700 });
    const end = mendEnd(this.#path, () => lastRotated(deps.folder));
    this.#head = end.head;
    this.#bytes = end.bytes;
  }

  get #path(): string {
    return join(this.#deps.folder, currentName);
  }

  write(event: AuditEvent): void {
    if (this.#waiting.length >= this.#limits.waiting) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(event);
    this.#running ??= this.#drain();
  }

  /** Resolves when all that was given has been written, or given up. */
  async flushed(): Promise<void> {
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #drain(): Promise<void> {
    // A moment for others to come: one write for all of them.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#append(batch);
        this.#isFailing = false;
      } catch (error) {
        this.#dropped += batch.length;
        if (!this.#isFailing) this.#deps.log.error("audit events cannot be written", { error });
        this.#isFailing = true;
        await this.#reopen();
      }
    }
    this.#running = undefined;
  }

  async #append(batch: readonly AuditEvent[]): Promise<void> {
    if (this.#bytes >= this.#limits.bytes) await this.#rotate();
    this.#file ??= await open(this.#path, "a", 0o600);
    let head = this.#head;
    const told = this.#dropped;
    const lines = withDropped(batch, told).map((event) => {
      const next = chainLine(event, head);
      ({ head } = next);
      return next.line;
    });
    const bytes = Buffer.from(lines.join(""));
    await this.#file.appendFile(bytes);
    this.#head = head;
    this.#bytes += bytes.length;
    // More may have been dropped while it was written: the next event tells of those.
    this.#dropped -= told;
  }

  /** After a failed write part of it may be there: the end is looked at again. */
  async #reopen(): Promise<void> {
    try {
      await this.#file?.close();
    } catch {
      // It is let go of either way.
    }
    this.#file = undefined;
    try {
      const end = mendEnd(this.#path, () => this.#head);
      this.#head = end.head;
      this.#bytes = end.bytes;
    } catch (error) {
      this.#deps.log.debug("the audit log cannot be read", { error });
    }
  }

  async #rotate(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    const { folder, now } = this.#deps;
    renameSync(this.#path, join(folder, rotatedName(now())));
    this.#bytes = 0;
    const old = rotatedIn(folder);
    const oldestMs = now().getTime() - this.#limits.days * DAY_MS;
    const surplus = Math.max(0, old.length - this.#limits.backups);
    for (const [index, name] of old.entries())
      if (index < surplus || rotatedMs(name) < oldestMs) rmSync(join(folder, name), { force: true });
  }
}

/** The first of them says how many are missing before it. */
function withDropped(batch: readonly AuditEvent[], dropped: number): readonly AuditEvent[] {
  const [first, ...others] = batch;
  if (first === undefined || dropped === 0) return batch;
  const annotations = { ...first.annotations, "audit.gantry/dropped": String(dropped) };
  return [{ ...first, annotations }, ...others];
}

function lastRotated(folder: string): ChainHead {
  const name = rotatedIn(folder).at(-1);
  return name === undefined ? chainStart : mendEnd(join(folder, name), () => chainStart).head;
}

/** Cuts off a line that a crash left unfinished, and tells where the chain goes on. */
function mendEnd(
  path: string,
  otherwise: () => ChainHead,
): { readonly head: ChainHead; readonly bytes: number } {
  const file = openSync(path, "a+", 0o600);
  try {
    const { size } = fstatSync(file);
    const start = Math.max(0, size - LAST_LINE_BYTES);
    const tail = Buffer.alloc(size - start);
    readSync(file, tail, 0, tail.length, start);
    const end = tail.lastIndexOf(0x0a) + 1;
    if (end < tail.length) ftruncateSync(file, start + end);
    const from = tail.lastIndexOf(0x0a, end - 2) + 1;
    const head = end === 0 ? undefined : readLink(tail.toString("utf8", from, end - 1));
    return { head: head ?? otherwise(), bytes: start + end };
  } finally {
    closeSync(file);
  }
}
