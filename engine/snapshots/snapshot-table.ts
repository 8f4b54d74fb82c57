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
  /** Layers that are on no disk yet: a daemon that dies before they are knows nothing of them. */
  readonly #volatile = new Set<SnapshotRow>();
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
    await this.#db.write(() => this.#write(row), durabilityOf(row));
    this.#keep(row);
  }

  /** Seen at once, and gone with the process before {@link settle}. */
  insertVolatile(row: SnapshotRow): void {
    this.#volatile.add(row);
    this.#keep(row);
  }

  isVolatile(key: string): boolean {
    const row = this.#rows.get(key);
    return row !== undefined && this.#volatile.has(row);
  }

  /** In the order in which they came, so that none is without its parent. */
  volatile(): readonly SnapshotRow[] {
    return [...this.#volatile];
  }

  /** Writes rows of {@link volatile}, whose folders are on disk now; durable with the next durable write. */
  async settle(rows: readonly SnapshotRow[]): Promise<void> {
    let written: readonly SnapshotRow[] = [];
    try {
      await this.#db.write(() => {
        written = rows.filter((row) => this.#volatile.delete(row));
        for (const row of written) this.#write(row);
      }, "ordered");
    } catch (error) {
      for (const row of written) this.#volatile.add(row);
      throw error;
    }
  }

  /** The row of a container's snapshot becomes that of a layer. Its number stays its own. */
  async turn(container: SnapshotRow, layer: Omit<SnapshotRow, "id">): Promise<void> {
    const row = { ...layer, id: container.id };
    this.#forget(container);
    this.insertVolatile(row);
    await this.#db.write(() => {
      this.#db.sql.prepare("DELETE FROM snapshots WHERE id = ?").run(container.id);
    }, "ordered");
  }

  /**
   * Gone at once for who asks here, so that nothing new builds on it; a layer's is gone for good when this resolves, that of a
   * container whose own row is gone is removed by the next start if it comes back.
   */
  async delete(row: SnapshotRow): Promise<void> {
    this.#forget(row);
    if (this.#volatile.delete(row)) return;
    try {
      await this.#db.write(() => {
        this.#db.sql.prepare("DELETE FROM snapshots WHERE id = ?").run(row.id);
      }, durabilityOf(row));
    } catch (error) {
      this.#keep(row);
      throw error;
    }
  }

  #write({ id, key, kind, parent, bytes }: SnapshotRow): void {
    this.#db.sql
      .prepare("INSERT INTO snapshots (id, key, kind, parent, bytes) VALUES (?, ?, ?, ?, ?)")
      .run(id, key, kind, parent ?? null, bytes ?? null);
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
