import { Fault } from "#base/fault.ts";
import type { Database, Durability } from "#host/sqlite/database.ts";
import { type SandboxRecord, sandboxName } from "./sandbox-record.ts";

/** Every sandbox's record: in memory for reading, in the database for good. */
export class SandboxRegistry {
  readonly #db: Database;
  readonly #byId = new Map<string, SandboxRecord>();
  readonly #idByName = new Map<string, string>();

  constructor(db: Database) {
    this.#db = db;
    const rows = db.sql.prepare("SELECT record FROM sandboxes").all() as { record: string }[];
    const records = rows.map(({ record }) => JSON.parse(record) as SandboxRecord);
    for (const record of records.sort((a, b) => (BigInt(a.createdAt) < BigInt(b.createdAt) ? -1 : 1)))
      this.#remember(record);
  }

  /** By ID or the beginning of one. @throws {Fault} `invalid` when several have it */
  find(ref: string): SandboxRecord | undefined {
    const exact = this.#byId.get(ref);
    if (exact !== undefined || ref === "") return exact;
    const [found, ...others] = this.list().filter(({ id }) => id.startsWith(ref));
    if (others.length > 0) throw new Fault("invalid", `ambiguous pod sandbox ID ${JSON.stringify(ref)}`);
    return found;
  }

  /** @throws {Fault} `not-found` */
  get(ref: string): SandboxRecord {
    const found = this.find(ref);
    if (found === undefined)
      throw new Fault(
        "not-found",
        `an error occurred when try to find sandbox ${JSON.stringify(ref)}: not found`,
      );
    return found;
  }

  /** Newest first. */
  list(): readonly SandboxRecord[] {
    return [...this.#byId.values()].reverse();
  }

  /** Its name is taken from now on. @throws {Fault} `already-exists` */
  async insert(record: SandboxRecord): Promise<void> {
    const name = sandboxName(record.spec);
    const holder = this.#idByName.get(name);
    if (holder !== undefined)
      throw new Fault(
        "already-exists",
        `failed to reserve sandbox name ${JSON.stringify(name)}: name ${JSON.stringify(name)} is reserved for ${JSON.stringify(holder)}`,
      );
    this.#remember(record);
    try {
      // Whatever a power cut takes was not in the kernel any more either.
      await this.#write("INSERT INTO sandboxes (record, id) VALUES (?, ?)", record, "ordered");
    } catch (error) {
      this.#forget(record);
      throw error;
    }
  }

  async replace(record: SandboxRecord, durability: Durability): Promise<void> {
    const before = this.#byId.get(record.id);
    if (before === undefined) return;
    this.#byId.set(record.id, record);
    try {
      await this.#write("UPDATE sandboxes SET record = ? WHERE id = ?", record, durability);
    } catch (error) {
      if (this.#byId.get(record.id) === record) this.#byId.set(record.id, before);
      throw error;
    }
  }

  async delete(record: SandboxRecord): Promise<void> {
    await this.#db.write(() => {
      this.#db.sql.prepare("DELETE FROM sandboxes WHERE id = ?").run(record.id);
    });
    this.#forget(record);
  }

  #write(sql: string, record: SandboxRecord, durability: Durability): Promise<void> {
    const text = JSON.stringify(record);
    return this.#db.write(() => void this.#db.sql.prepare(sql).run(text, record.id), durability);
  }

  #remember(record: SandboxRecord): void {
    this.#byId.set(record.id, record);
    this.#idByName.set(sandboxName(record.spec), record.id);
  }

  #forget(record: SandboxRecord): void {
    this.#byId.delete(record.id);
    const name = sandboxName(record.spec);
    if (this.#idByName.get(name) === record.id) this.#idByName.delete(name);
  }
}
