import type { Database } from "#host/sqlite/database.ts";
import type { VolumeRecord } from "./volume-record.ts";

/** The rows of table `volumes`: in memory for reading, in the database for good. */
export class VolumeRows {
  readonly #db: Database;
  readonly #records = new Map<string, VolumeRecord>();

  constructor(db: Database) {
    this.#db = db;
    const rows = db.sql.prepare("SELECT record FROM volumes").all() as { record: string }[];
    for (const { record } of rows) {
      const parsed = JSON.parse(record) as VolumeRecord;
      this.#records.set(parsed.name, parsed);
    }
  }

  find(name: string): VolumeRecord | undefined {
    return this.#records.get(name);
  }

  /** By name. */
  list(): readonly VolumeRecord[] {
    return [...this.#records.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Visible when it is durable, which is when this resolves. */
  async put(record: VolumeRecord): Promise<void> {
    await this.#db.write(() => {
      this.#db.sql
        .prepare("INSERT OR REPLACE INTO volumes (name, record) VALUES (?, ?)")
        .run(record.name, JSON.stringify(record));
    });
    this.#records.set(record.name, record);
  }

  async delete(name: string): Promise<void> {
    await this.#db.write(() => {
      this.#db.sql.prepare("DELETE FROM volumes WHERE name = ?").run(name);
    });
    this.#records.delete(name);
  }
}
