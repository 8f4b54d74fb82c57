import { Fault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { Database } from "#host/sqlite/database.ts";
import { ChangeFeed, type FeedLimits } from "./change-feed.ts";
import { Expiry } from "./expiry.ts";
import { RevisionLog } from "./revision-log.ts";
import { SqliteWatch } from "./sqlite-watch.ts";
import { migrations } from "./sqlite-schema.ts";
import type { Change, Entry, Page, Range, Revision, Store, Watch, WriteResult } from "./store.ts";

export interface SqliteStoreDeps {
  /** Path of the database; it and its folder are nobody else's. */
  readonly file: string;
  readonly log: Log;
  /** Seconds since 1970. */
  readonly now: () => number;
  readonly feedLimits?: FeedLimits;
}

const usualLimits: FeedLimits = { changes: 10_000, bytes: 32 << 20 };

/** Changes that one step of a compaction deals with: requests get their turn in between. */
const compactionStep = 1000;

/** A {@link Store} in one SQLite file, for one process. */
export class SqliteStore implements Store {
  readonly #database: Database;
  readonly #revisions: RevisionLog;
  readonly #feed: ChangeFeed;
  readonly #expiry: Expiry;
  #compacting: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor({ file, log, now, feedLimits = usualLimits }: SqliteStoreDeps) {
    this.#database = new Database(file, migrations, { syncsAside: true });
    this.#revisions = new RevisionLog(this.#database.sql);
    this.#feed = new ChangeFeed(this.#revisions.newest, feedLimits);
    this.#expiry = new Expiry({
      revisions: this.#revisions,
      now,
      log,
      remove: (key, revision) => this.#delete(key, revision),
    });
    this.#expiry.schedule();
  }

  async get(
    key: string,
    signal: AbortSignal,
  ): Promise<{ readonly revision: Revision; readonly entry?: Entry }> {
    this.#check(signal);
    const { newest } = this.#feed;
    // What is not durable yet has not happened.
    const entry = this.#database.isSettled ? this.#revisions.find(key) : this.#revisions.findAt(key, newest);
    return { revision: newest, ...(entry !== undefined && { entry }) };
  }

  async list(range: Range, signal: AbortSignal): Promise<Page> {
    this.#check(signal);
    const { newest } = this.#feed;
    const { prefix, after = "", limit, at = newest } = range;
    if (at > newest) throw notReached(at, newest);
    const isNow = at === newest && this.#database.isSettled;
    if (at !== newest) this.#revisions.checkKept(at);
    const entries = isNow ? this.#revisions.page(range) : this.#revisions.pageAt(range, at);
    const behind = entries.at(-1)?.key ?? after;
    if (limit === undefined || entries.length < limit) return { revision: at, entries, remaining: 0 };
    const remaining = isNow
      ? this.#revisions.count(prefix, behind)
      : this.#revisions.countAt(prefix, behind, at);
    return { revision: at, entries, remaining };
  }

  async count(prefix: string, signal: AbortSignal): Promise<number> {
    this.#check(signal);
    return this.#database.isSettled
      ? this.#revisions.count(prefix)
      : this.#revisions.countAt(prefix, "", this.#feed.newest);
  }

  async put(
    write: {
      readonly key: string;
      readonly value: Uint8Array;
      readonly expected: Revision;
      readonly ttlS?: number;
    },
    signal: AbortSignal,
  ): Promise<WriteResult> {
    this.#check(signal);
    const { key, value, expected, ttlS } = write;
    const expiresAt = ttlS === undefined ? undefined : this.#expiry.after(ttlS);
    const result = await this.#change(key, expected, (before) =>
      this.#revisions.put(key, value, before, expiresAt),
    );
    if (expiresAt !== undefined && result.isDone) this.#expiry.schedule();
    return result;
  }

  async delete(key: string, expected: Revision, signal: AbortSignal): Promise<WriteResult> {
    this.#check(signal);
    return this.#delete(key, expected);
  }

  watch(prefix: string, after: Revision, signal: AbortSignal): Watch {
    const check = () => {
      this.#check(signal);
      if (after > this.#feed.newest) throw notReached(after, this.#feed.newest);
      this.#revisions.checkKept(after);
    };
    return new SqliteWatch({ feed: this.#feed, revisions: this.#revisions, prefix, signal, check }, after);
  }

  async compact(revision: Revision, signal: AbortSignal): Promise<void> {
    this.#check(signal);
    if (revision > this.#feed.newest) throw notReached(revision, this.#feed.newest);
    const turn = this.#compacting.then(() => this.#compact(revision, signal));
    this.#compacting = turn.catch(() => undefined);
    await turn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#expiry[Symbol.dispose]();
    await this.#compacting;
    this.#database[Symbol.dispose]();
  }

  async #compact(revision: Revision, signal: AbortSignal): Promise<void> {
    for (let done = this.#revisions.compacted; done < revision; ) {
      this.#check(signal);
      const from = done;
      const until = Math.min(done + compactionStep, revision);
      // Said and done at once: a kill in between would leave values that nobody comes back for.
      await this.#database.write(() => {
        this.#revisions.markCompacted(until);
        this.#revisions.forget(from, until);
      }, "ordered");
      done = until;
    }
  }

  #delete(key: string, expected: Revision): Promise<WriteResult> {
    return this.#change(key, expected, (before) => before && this.#revisions.remove(before));
  }

  async #change(
    key: string,
    expected: Revision,
    apply: (before: Entry | undefined) => Change | undefined,
  ): Promise<WriteResult> {
    let change: Change | undefined;
    let current: Entry | undefined;
    await this.#database.write(() => {
      current = this.#revisions.find(key);
      if ((current?.revision ?? 0) === expected) change = apply(current);
    });
    if (change === undefined)
      return { isDone: false, revision: this.#feed.newest, ...(current !== undefined && { current }) };
    this.#feed.publish(change);
    return { isDone: true, revision: this.#feed.newest };
  }

  #check(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.#isClosed) throw new Fault("unavailable", "the store is closed");
  }
}

function notReached(revision: Revision, newest: Revision): Fault {
  return new Fault("invalid", `revision ${revision} has not been reached`, { detail: { revision: newest } });
}
