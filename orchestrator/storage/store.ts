/** Counts the changes of the whole store; the first one is 1, 0 is the empty store. */
export type Revision = number;

/** One key with its value. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Of the change that gave it this value. */
  readonly revision: Revision;
  /** Of the change that made the key. */
  readonly created: Revision;
}

export type Change =
  | { readonly type: "put"; readonly entry: Entry; readonly previous?: Entry }
  | {
      readonly type: "delete";
      readonly key: string;
      readonly revision: Revision;
      /** What it had last. */
      readonly previous: Entry;
    };

/** Keys that begin with `prefix`, in the order of their bytes. */
export interface Range {
  readonly prefix: string;
  /** Only keys behind this one. */
  readonly after?: string;
  /** At most so many entries. */
  readonly limit?: number;
  /** As it was then. */
  readonly at?: Revision;
}

export interface Page {
  /** What the entries are as of: the one asked for, else the newest. */
  readonly revision: Revision;
  readonly entries: readonly Entry[];
  /** Entries of the range behind the last one. */
  readonly remaining: number;
}

/** A write that finds another revision than it expects changes nothing. */
export type WriteResult =
  | { readonly isDone: true; readonly revision: Revision }
  /** `current` is absent when the key is. */
  | { readonly isDone: false; readonly revision: Revision; readonly current?: Entry };

/** Changes one after the other, in the order of their revisions, none left out and none twice. */
export interface Watch extends AsyncIterable<readonly Change[]> {
  /** All changes up to this one have been yielded. */
  readonly position: Revision;
}

/**
 * A revisioned key-value store, what the API server keeps objects in. Every change has a revision of its own. Values can be
 * read as they were at any revision that has not been compacted, and changes watched from there on.
 *
 * Reads are linearisable. A write is durable when it resolves; one that rejects may have happened, unless its Fault says otherwise.
 *
 * Kinds of {@link Fault}: `precondition` for a revision that is compacted, with the oldest that is left in
 * `detail.compacted`; `invalid` for one that has not been reached, with the newest in `detail.revision`; `exhausted` when the
 * disk is full; `unavailable` when the store cannot be reached or is closed.
 */
export interface Store extends AsyncDisposable {
  get(key: string, signal: AbortSignal): Promise<{ readonly revision: Revision; readonly entry?: Entry }>;
  list(range: Range, signal: AbortSignal): Promise<Page>;
  /** How many keys there are now. */
  count(prefix: string, signal: AbortSignal): Promise<number>;
  /**
   * Gives the key a value if it has the revision `expected`, 0 if it is not there. With `ttlS` the key goes after so many seconds, at most a few later,
   * unless it is written again.
   */
  put(
    write: {
      readonly key: string;
      readonly value: Uint8Array;
      readonly expected: Revision;
      readonly ttlS?: number;
    },
    signal: AbortSignal,
  ): Promise<WriteResult>;
  /** Removes the key if it has the revision `expected`. */
  delete(key: string, expected: Revision, signal: AbortSignal): Promise<WriteResult>;
  /**
   * What changes from `after` on, until the signal aborts, which ends the iteration; that is what throws, not this call. A watcher may take its time: it costs the
   * store nothing, and is told by a Fault when what it has not seen yet has been compacted.
   */
  watch(prefix: string, after: Revision, signal: AbortSignal): Watch;
  /** Forgets values that were replaced or removed at or before the revision. Does nothing when they are forgotten already. */
  compact(revision: Revision, signal: AbortSignal): Promise<void>;
}
