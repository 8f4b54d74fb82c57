import type { DatabaseSync, StatementSync } from "node:sqlite";
import { Fault } from "#base/fault.ts";
import { prefixEnd } from "./key-range.ts";
import type { Change, Entry, Range, Revision } from "./store.ts";

interface Row {
  readonly key: string;
  readonly revision: number;
  readonly created: number;
  readonly value: Uint8Array | null;
}

interface ChangeRow extends Row {
  readonly previous: number;
  readonly previous_created: number | null;
  readonly previous_value: Uint8Array | null;
}

/** Behind every key: no character comes after it. */
const last = "\u{10ffff}";

const entryColumns = "log.key, log.revision, log.created, log.value";

/** The tables of a store, as statements. Whoever writes is inside a transaction. */
export class RevisionLog {
  readonly #sql: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(sql: DatabaseSync) {
    this.#sql = sql;
  }

  /** Of the last change; 0 when there was none. */
  get newest(): Revision {
    const row = this.#get("SELECT seq FROM sqlite_sequence WHERE name = 'log'") as
      | { seq: number }
      | undefined;
    return row?.seq ?? 0;
  }

  get compacted(): Revision {
    return (this.#get("SELECT revision FROM compaction") as { revision: number }).revision;
  }

  /** @throws {Fault} `precondition` for a revision whose values are forgotten */
  checkKept(revision: Revision): void {
    const { compacted } = this;
    if (revision < compacted)
      throw new Fault("precondition", `revision ${revision} has been compacted`, { detail: { compacted } });
  }

  find(key: string): Entry | undefined {
    const row = this.#get(
      `SELECT ${entryColumns} FROM latest JOIN log USING (revision) WHERE latest.key = ?`,
      key,
    );
    return row && entryOf(row as unknown as Row);
  }

  /** As it was at a revision that has not been compacted. */
  findAt(key: string, at: Revision): Entry | undefined {
    const row = this.#get(
      `SELECT ${entryColumns} FROM log WHERE key = ? AND revision <= ? ORDER BY revision DESC LIMIT 1`,
      key,
      at,
    ) as unknown as Row | undefined;
    return row === undefined || row.value === null ? undefined : entryOf(row);
  }

  page({ prefix, after = "", limit = -1 }: Range): readonly Entry[] {
    const from = `SELECT ${entryColumns} FROM latest JOIN log USING (revision)`;
    return this.#entries(
      `${from} WHERE latest.key >= ? AND latest.key > ? AND latest.key < ? ORDER BY latest.key LIMIT ?`,
      [prefix, after, prefixEnd(prefix) ?? last, limit],
    );
  }

  /** As it was at a revision that has not been compacted. */
  pageAt({ prefix, after = "", limit = -1 }: Range, at: Revision): readonly Entry[] {
    const newestOfEach =
      "SELECT max(revision) FROM log WHERE key >= ? AND key > ? AND key < ? AND revision <= ? GROUP BY key";
    return this.#entries(
      `SELECT ${entryColumns} FROM log WHERE revision IN (${newestOfEach}) AND value IS NOT NULL ORDER BY key LIMIT ?`,
      [prefix, after, prefixEnd(prefix) ?? last, at, limit],
    );
  }

  count(prefix: string, after = ""): number {
    const row = this.#get(
      "SELECT count(*) AS n FROM latest WHERE key >= ? AND key > ? AND key < ?",
      prefix,
      after,
      prefixEnd(prefix) ?? last,
    );
    return (row as { n: number }).n;
  }

  countAt(prefix: string, after: string, at: Revision): number {
    const newestOfEach =
      "SELECT max(revision) FROM log WHERE key >= ? AND key > ? AND key < ? AND revision <= ? GROUP BY key";
    const row = this.#get(
      `SELECT count(*) AS n FROM log WHERE revision IN (${newestOfEach}) AND value IS NOT NULL`,
      prefix,
      after,
      prefixEnd(prefix) ?? last,
      at,
    );
    return (row as { n: number }).n;
  }

  put(key: string, value: Uint8Array, before: Entry | undefined, expiresAt: number | undefined): Change {
    const revision = this.#append(key, before?.created ?? 0, before?.revision ?? 0, value);
    this.#run("INSERT OR REPLACE INTO latest VALUES (?, ?, ?)", key, revision, expiresAt ?? null);
    const entry = { key, value, revision, created: before?.created ?? revision };
    return { type: "put", entry, ...(before !== undefined && { previous: before }) };
  }

  remove(before: Entry): Change {
    const { key } = before;
    const revision = this.#append(key, before.created, before.revision, null);
    this.#run("DELETE FROM latest WHERE key = ?", key);
    return { type: "delete", key, revision, previous: before };
  }

  /** At most `limit` changes of keys with the prefix, behind `after`. */
  changes(prefix: string, after: Revision, limit: number): readonly Change[] {
    const rows = this.#all(
      `SELECT ${entryColumns}, log.previous, old.created AS previous_created, old.value AS previous_value
       FROM log LEFT JOIN log AS old ON old.revision = log.previous
       WHERE log.revision > ? AND log.key >= ? AND log.key < ? ORDER BY log.revision LIMIT ?`,
      [after, prefix, prefixEnd(prefix) ?? last, limit],
    );
    return rows.map((row) => changeOf(row as unknown as ChangeRow));
  }

  /** Says up to where values are forgotten; {@link forget} does it. */
  markCompacted(revision: Revision): void {
    this.#run("UPDATE compaction SET revision = ?", revision);
  }

  /** Forgets what changes in `(after, until]` replaced, and removals among them. What is the newest of its key stays. */
  forget(after: Revision, until: Revision): void {
    this.#run(
      "DELETE FROM log WHERE revision IN (SELECT previous FROM log WHERE revision > ? AND revision <= ? AND previous > 0)",
      after,
      until,
    );
    this.#run("DELETE FROM log WHERE revision > ? AND revision <= ? AND value IS NULL", after, until);
  }

  /** Keys whose time is over, and the revisions they have. */
  expired(now: number, limit: number): readonly { readonly key: string; readonly revision: Revision }[] {
    return this.#all(
      "SELECT key, revision FROM latest WHERE expires_at IS NOT NULL AND expires_at <= ? ORDER BY expires_at LIMIT ?",
      [now, limit],
    ) as never;
  }

  get nextExpiry(): number | undefined {
    const row = this.#get("SELECT min(expires_at) AS at FROM latest WHERE expires_at IS NOT NULL");
    return (row as { at: number | null }).at ?? undefined;
  }

  #append(key: string, created: Revision, previous: Revision, value: Uint8Array | null): Revision {
    const { lastInsertRowid } = this.#run(
      "INSERT INTO log (key, created, previous, value) VALUES (?, ?, ?, ?)",
      key,
      created,
      previous,
      value,
    );
    return Number(lastInsertRowid);
  }

  #entries(text: string, values: readonly (string | number)[]): readonly Entry[] {
    return this.#all(text, values).map((row) => entryOf(row as unknown as Row));
  }

  #statement(text: string): StatementSync {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const statement = this.#sql.prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }

  #get(text: string, ...values: (string | number)[]) {
    return this.#statement(text).get(...values);
  }

  #all(text: string, values: readonly (string | number)[]) {
    return this.#statement(text).all(...values);
  }

  #run(text: string, ...values: (string | number | null | Uint8Array)[]) {
    return this.#statement(text).run(...values);
  }
}

function entryOf({ key, revision, created, value }: Row): Entry {
  return { key, revision, created: created || revision, value: value ?? new Uint8Array(0) };
}

function changeOf(row: ChangeRow): Change {
  const { key, revision, value, previous } = row;
  const old: Entry | undefined =
    previous === 0
      ? undefined
      : {
          key,
          revision: previous,
          created: row.previous_created || previous,
          value: row.previous_value ?? new Uint8Array(0),
        };
  if (value !== null)
    return { type: "put", entry: entryOf(row), ...(old !== undefined && { previous: old }) };
  if (old === undefined) throw new Error(`change ${revision} removes a key that was not there`);
  return { type: "delete", key, revision, previous: old };
}
