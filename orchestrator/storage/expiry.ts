import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { RevisionLog } from "./revision-log.ts";
import type { Revision, WriteResult } from "./store.ts";

/** The farthest a timer can be set; what is due later is looked at again then. */
const timerMostMs = 2 ** 31 - 1;
const batchMost = 500;
/** Keys that expire close together go together. */
const slackMs = 1000;
const retryMs = 10_000;

export interface ExpiryDeps {
  readonly revisions: RevisionLog;
  /** Seconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
  readonly remove: (key: string, revision: Revision) => Promise<WriteResult>;
}

/** Removes keys whose time is over. One timer, for the next of them; none when no key has a time. */
export class Expiry implements Disposable {
  readonly #deps: ExpiryDeps;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #isClosed = false;

  constructor(deps: ExpiryDeps) {
    this.#deps = deps;
  }

  after(seconds: number): number {
    return Math.ceil(this.#deps.now() + seconds);
  }

  /** To be called when a key has got a time. */
  schedule(): void {
    const { revisions, now } = this.#deps;
    const next = revisions.nextExpiry;
    if (this.#isClosed || next === undefined || next >= this.#dueAt) return;
    const inMs = Math.max(0, (next - now()) * 1000) + slackMs;
    this.#set(next, Math.min(inMs, timerMostMs));
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #set(dueAt: number, inMs: number): void {
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => void this.#sweep(), inMs).unref();
  }

  async #sweep(): Promise<void> {
    const { revisions, now, log, remove } = this.#deps;
    this.#dueAt = Number.POSITIVE_INFINITY;
    try {
      const due = revisions.expired(now(), batchMost);
      await Promise.all(due.map(({ key, revision }) => remove(key, revision)));
      this.schedule();
    } catch (error) {
      log.warn("expired keys were not removed", { reason: messageOf(error) });
      if (!this.#isClosed) this.#set(now(), retryMs);
    }
  }
}
