import { Fault } from "#base/fault.ts";
import { isEarlier } from "#base/time.ts";
import type { Database, Durability } from "#host/sqlite/database.ts";
import { type ContainerRecord, isAlive } from "./record.ts";

/**
 * Every container's record: in memory for reading, in the database for good. A name or ID is taken from the moment
 * {@link ContainerRegistry.insert} is called, so two creates never share one.
 */
export class ContainerRegistry {
  readonly #db: Database;
  readonly #byId = new Map<string, ContainerRecord>();
  readonly #idByName = new Map<string, string>();
  readonly #revisions = new Map<string, number>();
  #revision = 0;

  constructor(db: Database) {
    this.#db = db;
    const rows = db.sql.prepare("SELECT record FROM containers").all() as { record: string }[];
    const records = rows.map((row) => current(JSON.parse(row.record) as ContainerRecord & Earlier));
    for (const record of records.sort((a, b) => (isEarlier(a.created, b.created) ? -1 : 1)))
      this.#remember(record);
  }

  /** @throws {Fault} `not-found`; `invalid` for a prefix that several IDs have */
  get(ref: string): ContainerRecord {
    const found = this.find(ref);
    if (found === undefined) throw new Fault("not-found", `No such container: ${ref}`);
    return found;
  }

  /** By ID, by name with or without a slash, or by a prefix that only one ID has. @throws {Fault} `invalid` when several have */
  find(ref: string): ContainerRecord | undefined {
    const exact = this.#byId.get(ref) ?? this.#byId.get(this.#idByName.get(ref.replace(/^\//, "")) ?? "");
    if (exact !== undefined || !/^[0-9a-f]{1,63}$/.test(ref)) return exact;
    let found: ContainerRecord | undefined;
    for (const [id, record] of this.#byId) {
      if (!id.startsWith(ref)) continue;
      if (found !== undefined) throw new Fault("invalid", `Multiple IDs found with provided prefix: ${ref}`);
      found = record;
    }
    return found;
  }

  /** Newest first. */
  list(): readonly ContainerRecord[] {
    return [...this.#byId.values()].reverse();
  }

  /** @see ImageUse.containersOf */
  usersOf(imageId: string): readonly { readonly id: string; readonly isRunning: boolean }[] {
    return this.list()
      .filter((record) => record.imageId === imageId)
      .map(({ id, state }) => ({ id, isRunning: isAlive(state) }));
  }

  revisionOf(id: string): number {
    return this.#revisions.get(id) ?? 0;
  }

  /** @throws {Fault} `conflict` with Docker's text when the name is taken */
  async insert(record: ContainerRecord): Promise<void> {
    this.#checkName(record.name);
    this.#remember(record);
    const { id, name } = record;
    try {
      await this.#db.write(() => {
        this.#db.sql
          .prepare("INSERT INTO containers (id, name, record) VALUES (?, ?, ?)")
          .run(id, name, JSON.stringify(record));
      });
    } catch (error) {
      this.#forget(record);
      throw error;
    }
  }

  /**
   * Visible at once, kept when it resolves. A record that was deleted meanwhile stays deleted.
   *
   * @param durability `ordered` will do for what a power cut ends anyway: that it runs, or how it ended
   */
  async replace(record: ContainerRecord, durability: Durability = "durable"): Promise<void> {
    const before = this.#byId.get(record.id);
    if (before === undefined) return;
    if (before.name !== record.name) {
      this.#checkName(record.name);
      this.#idByName.delete(before.name);
    }
    this.#remember(record);
    try {
      await this.#db.write(() => {
        this.#db.sql
          .prepare("UPDATE containers SET name = ?, record = ? WHERE id = ?")
          .run(record.name, JSON.stringify(record), record.id);
      }, durability);
    } catch (error) {
      this.#takeBack(record, before);
      throw error;
    }
  }

  /** Visible at once, kept with whatever is replaced next: for what may be lost with the daemon. */
  note(record: ContainerRecord): void {
    if (this.#byId.has(record.id)) this.#remember(record);
  }

  /** Unless it has been replaced again or deleted since. */
  #takeBack(record: ContainerRecord, before: ContainerRecord): void {
    if (this.#byId.get(record.id) !== record) return;
    if (before.name !== record.name) this.#idByName.delete(record.name);
    this.#remember(before);
  }

  /** Gone for good when it resolves; its name is free then. */
  async delete(record: ContainerRecord): Promise<void> {
    await this.#db.write(() => {
      this.#db.sql.prepare("DELETE FROM containers WHERE id = ?").run(record.id);
    });
    this.#forget(record);
  }

  #checkName(name: string): void {
    const holder = this.#idByName.get(name);
    if (holder !== undefined)
      throw new Fault(
        "conflict",
        `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
  }

  #remember(record: ContainerRecord): void {
    this.#byId.set(record.id, record);
    this.#idByName.set(record.name, record.id);
    this.#revisions.set(record.id, ++this.#revision);
  }

  #forget(record: ContainerRecord): void {
    const current = this.#byId.get(record.id) ?? record;
    this.#byId.delete(record.id);
    this.#revisions.delete(record.id);
    if (this.#idByName.get(current.name) === record.id) this.#idByName.delete(current.name);
  }
}

/** Before a container could be in several networks it had one endpoint. */
interface Earlier {
  readonly endpoint?: NonNullable<ContainerRecord["endpoints"]>[number];
}

function current({ endpoint, ...record }: ContainerRecord & Earlier): ContainerRecord {
  return endpoint === undefined ? record : { ...record, endpoints: [endpoint] };
}
