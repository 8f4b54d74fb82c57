import type { Database } from "#host/sqlite/database.ts";
import { Fault } from "#base/fault.ts";
import type { NetworkRecord } from "./networks.ts";

/** The records of all networks: in memory for reading, in the database for keeping. */
export class NetworkRegistry {
  readonly #database: Database;
  readonly #records = new Map<string, NetworkRecord>();

  constructor(database: Database) {
    this.#database = database;
    for (const row of database.sql
      .prepare("SELECT record FROM networks ORDER BY json_extract(record, '$.created'), id")
      .all())
      this.#keep(JSON.parse(String(row["record"])) as NetworkRecord);
  }

  list(): readonly NetworkRecord[] {
    return [...this.#records.values()];
  }

  /** By full ID, by name, then by the beginning of an ID. @throws {Fault} `invalid` when that is ambiguous */
  find(ref: string): NetworkRecord | undefined {
    const exact = this.#records.get(ref) ?? this.list().find((network) => network.name === ref);
    if (exact !== undefined || ref === "") return exact;
    const [first, ...more] = this.list().filter((network) => network.id.startsWith(ref));
    if (more.length > 0)
      throw new Fault(
        "invalid",
        `network ${ref} is ambiguous (${more.length + 1} matches found based on ID prefix)`,
      );
    return first;
  }

  /** For the predefined ones, which are the same at every start. */
  keepInMemory(network: NetworkRecord): void {
    this.#keep(network);
  }

  /** Known at once, durable when it resolves; unknown again when that fails. */
  async add(network: NetworkRecord): Promise<void> {
    this.#keep(network);
    const insert = this.#database.sql.prepare(
      "INSERT OR REPLACE INTO networks (id, name, record) VALUES (?, ?, ?)",
    );
    try {
      await this.#database.write(() => insert.run(network.id, network.name, JSON.stringify(network)));
    } catch (error) {
      this.#records.delete(network.id);
      throw error;
    }
  }

  /** Unknown when it is durable. */
  async remove(id: string): Promise<void> {
    const remove = this.#database.sql.prepare("DELETE FROM networks WHERE id = ?");
    await this.#database.write(() => remove.run(id));
    this.#records.delete(id);
  }

  #keep(network: NetworkRecord): void {
    this.#records.set(network.id, network);
  }
}
