import { type ChangeFeed, revisionOf } from "./change-feed.ts";
import type { RevisionLog } from "./revision-log.ts";
import type { Change, Revision, Watch } from "./store.ts";

/** Changes in one go: what a watcher holds in memory at a time. */
const batchMost = 500;

export interface WatchDeps {
  readonly feed: ChangeFeed;
  readonly revisions: RevisionLog;
  readonly prefix: string;
  readonly signal: AbortSignal;
  /** Throws when the watch cannot begin. */
  readonly check: () => void;
}

/** Takes from the feed what is there, and what is older from the log. */
export class SqliteWatch implements Watch {
  readonly #deps: WatchDeps;
  #position: Revision;
  /** Has seen all there is, and waits. */
  #isIdle = false;

  constructor(deps: WatchDeps, after: Revision) {
    this.#deps = deps;
    this.#position = after;
  }

  get position(): Revision {
    return this.#isIdle ? this.#deps.feed.newest : this.#position;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<readonly Change[]> {
    const { feed, prefix, signal, check } = this.#deps;
    check();
    while (!signal.aborted) {
      const changes = this.#take();
      if (changes.length > 0) {
        yield changes;
        continue;
      }
      const next = feed.next(prefix, signal);
      this.#isIdle = true;
      await next;
      this.#isIdle = false;
    }
  }

  #take(): readonly Change[] {
    const { feed, revisions, prefix } = this.#deps;
    const { newest } = feed;
    const after = this.#position;
    const changes = feed.since(prefix, after, batchMost) ?? this.#read(revisions, prefix, after, newest);
    const last = changes.at(-1);
    this.#position = changes.length < batchMost || last === undefined ? newest : revisionOf(last);
    return changes;
  }

  #read(revisions: RevisionLog, prefix: string, after: Revision, newest: Revision): readonly Change[] {
    revisions.checkKept(after);
    // What is committed and not yet published is for the next time.
    return revisions.changes(prefix, after, batchMost).filter((change) => revisionOf(change) <= newest);
  }
}
