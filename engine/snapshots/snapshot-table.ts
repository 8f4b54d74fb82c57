import type { Database, Durability } from "#host/sqlite/database.ts";

export interface SnapshotRow {
  /** Name of its folder. */
  readonly id: number;
  /** Chain ID of a layer, ID of a container. */
  readonly key: string;
  readonly kind: "layer" | "container";
  readonly parent?: string;
  /** Of layers. */
  readonly bytes?: number;
}

/** The table `snapshots`, and in memory what it says: reads never wait. @see engine/metadata/schema.ts */
export class SnapshotTable {
  readonly #db: Database;
  readonly #rows = new Map<string, SnapshotRow>();
  readonly #children = new Map<string, number>();
  #nextId: number;

  constructor(db: Database) {
    this.#db = db;
    for (const row of db.sql.prepare("SELECT id, key, kind, parent, bytes FROM snapshots").all()) {
      const { id, key, kind, parent, bytes } = row as unknown as StoredRow;
      this.#keep({
        id,
        key,
        kind,
        ...(parent === null ? {} : { parent }),
        ...(bytes === null ? {} : { bytes }),
      });
    }
    const sequence = db.sql.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'snapshots'").get();
    this.#nextId = Number(sequence?.["seq"] ?? 0) + 1;
  }

  /** A number that no folder has had, as far as rows tell; a folder that never got a row is gone before the next one starts. */
  takeId(): number {
    return this.#nextId++;
  }

  find(key: string): SnapshotRow | undefined {
    return this.#rows.get(key);
  }

  all(): Iterable<SnapshotRow> {
    return this.#rows.values();
  }

  hasChildren(key: string): boolean {
    return this.#children.has(key);
  }

  /** Seen when it resolves. A layer is durable then; a container's is so with the container's own row, which follows. */
  async insert(row: SnapshotRow): Promise<void> {
    await this.#db.write(() => {
      this.#db.sql
        .prepare("INSERT INTO snapshots (id, key, kind, parent, bytes) VALUES (?, ?, ?, ?, ?)")
        .run(row.id, row.key, row.kind, row.parent ?? null, row.bytes ?? null);
    }, durabilityOf(row));
    this.#keep(row);
  }

  /**
   * Gone at once for who asks here, so that nothing new builds on it; a layer's is gone for good when this resolves, that of a
   * container whose own row is gone is removed by the next start if it comes back.
   */
  async delete(row: SnapshotRow): Promise<void> {
    this.#forget(row);
    try {
      await this.#db.write(() => {
        this.#db.sql.prepare("DELETE FROM snapshots WHERE id = ?").run(row.id);
      }, durabilityOf(row));
    } catch (error) {
      this.#keep(row);
      throw error;
    }
  }

  #forget(row: SnapshotRow): void {
    this.#rows.delete(row.key);
    if (row.parent === undefined) return;
    const left = (this.#children.get(row.parent) ?? 1) - 1;
    if (left === 0) this.#children.delete(row.parent);
    else this.#children.set(row.parent, left);
  }

  #keep(row: SnapshotRow): void {
    this.#rows.set(row.key, row);
    if (row.parent !== undefined) this.#children.set(row.parent, (this.#children.get(row.parent) ?? 0) + 1);
  }
}

interface StoredRow {
  readonly id: number;
  readonly key: string;
  readonly kind: "layer" | "container";
  readonly parent: string | null;
  readonly bytes: number | null;
}

function durabilityOf({ kind }: SnapshotRow): Durability {
  return kind === "layer" ? "durable" : "ordered";
}
