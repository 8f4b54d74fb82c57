import type { StatementSync } from "node:sqlite";
import { KeyedLock } from "#base/keyed-lock.ts";
import { Database } from "#host/sqlite/database.ts";

/** What is kept: named by kind and uuid. */
export interface StoredRecord {
  readonly uuid: string;
}

/** Changes that happen together or not at all. */
export interface Changes {
  put(kind: string, record: StoredRecord): void;
  remove(kind: string, uuid: string): void;
}

interface Step {
  readonly kind: string;
  readonly uuid: string;
  /** Absent: it is removed. */
  readonly record?: StoredRecord;
}

/**
 * Every migration, oldest first. A migration that has been released is never edited.
 *
 *   records(seq, kind, uuid, record)  record is JSON; seq is the order of creation, which updates keep
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    uuid TEXT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (kind, uuid)
  );
  `,
];

/**
 * The hypervisor's records: all in memory, in the order of their creation, and on disk before a change is to be seen. Whoever
 * waits for {@link RecordStore.change} reads what it wrote.
 */
export class RecordStore implements Disposable {
  readonly #db: Database;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #lock = new KeyedLock();
  readonly #byKind = new Map<string, Map<string, StoredRecord>>();

  constructor(file: string) {
    this.#db = new Database(file, migrations);
    this.#put = this.#db.sql.prepare(
      "INSERT INTO records (kind, uuid, record) VALUES (?, ?, ?) ON CONFLICT (kind, uuid) DO UPDATE SET record = excluded.record",
    );
    this.#remove = this.#db.sql.prepare("DELETE FROM records WHERE kind = ? AND uuid = ?");
    const rows = this.#db.sql.prepare("SELECT kind, uuid, record FROM records ORDER BY seq").all();
    for (const row of rows as { kind: string; uuid: string; record: string }[])
      this.#of(row.kind).set(row.uuid, JSON.parse(row.record) as StoredRecord);
  }

  /** What it gives must not be changed. */
  find<T extends StoredRecord>(kind: string, uuid: string): T | undefined {
    return this.#byKind.get(kind)?.get(uuid) as T | undefined;
  }

  list<T extends StoredRecord>(kind: string): readonly T[] {
    return [...(this.#byKind.get(kind)?.values() ?? [])] as T[];
  }

  /**
   * Resolves when what `plan` puts and removes is on disk and to be read. Plans run one at a time, each on what the one before
   * has left, and may read. When one throws, nothing changes.
   *
   * @throws {Fault} `exhausted` when the disk is full; nothing has changed then
   */
  async change(plan: (changes: Changes) => void): Promise<void> {
    await this.#lock.run("", async () => {
      const steps: Step[] = [];
      plan({
        put: (kind, record) => steps.push({ kind, uuid: record.uuid, record }),
        remove: (kind, uuid) => steps.push({ kind, uuid }),
      });
      await this.#db.write(() => {
        for (const step of steps) this.#write(step);
      });
      for (const { kind, uuid, record } of steps)
        if (record === undefined) this.#of(kind).delete(uuid);
        else this.#of(kind).set(uuid, record);
    });
  }

  #write({ kind, uuid, record }: Step): void {
    if (record === undefined) this.#remove.run(kind, uuid);
    else this.#put.run(kind, uuid, JSON.stringify(record));
  }

  [Symbol.dispose](): void {
    this.#db[Symbol.dispose]();
  }

  #of(kind: string): Map<string, StoredRecord> {
    const known = this.#byKind.get(kind);
    if (known !== undefined) return known;
    const made = new Map<string, StoredRecord>();
    this.#byKind.set(kind, made);
    return made;
  }
}
