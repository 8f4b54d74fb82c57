import type { Item } from "#engine/gc/leases.ts";
import type { BuiltLayer } from "#engine/images/image-workshop.ts";
import type { Database } from "#host/sqlite/database.ts";

/** The result of one step. Plain data, one JSON row. */
export interface CacheRecord {
  readonly key: string;
  readonly kind: "exec" | "copy" | "folder" | "config";
  /** The instruction, for people. */
  readonly description: string;
  /** RFC 3339; goes into the image's history, so that the same steps make the same image. */
  readonly created: string;
  /** For the image's history. */
  readonly createdBy: string;
  /** Absent when the step changed no file. */
  readonly layer?: BuiltLayer;
  /** Another key by which the same result is known: that of what was copied, where this is of where it was copied from. */
  readonly same?: string;
  /** Bytes on disk of the layer, and of its blob. */
  readonly bytes: number;
}

export interface CacheUse {
  /** Milliseconds since 1970. */
  readonly usedAt: number;
  readonly uses: number;
}

/**
 * Results of build steps by key: rows in the database. What they need is kept from garbage collection by {@link CacheStore.roots}
 * for as long as the row is there.
 *
 * @see docs/formats/build-cache.md
 */
export class CacheStore {
  readonly #db: Database;
  readonly #now: () => number;
  #find: ReturnType<Database["sql"]["prepare"]> | undefined;

  /** @param now milliseconds since 1970 */
  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  find(key: string): CacheRecord | undefined {
    this.#find ??= this.#db.sql.prepare("SELECT record FROM build_cache WHERE key = ?");
    const row = this.#find.get(key);
    return row === undefined ? undefined : (JSON.parse(String(row["record"])) as CacheRecord);
  }

  /** Survives the daemon at once, a power cut a little later: a step that is lost then only runs again. */
  async put(record: CacheRecord): Promise<void> {
    const now = this.#now();
    await this.#db.write(() => {
      this.#db.sql
        .prepare("INSERT OR REPLACE INTO build_cache (key, record, used_at, uses) VALUES (?, ?, ?, 0)")
        .run(record.key, JSON.stringify(record), now);
    }, "ordered");
  }

  async markUsed(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const now = this.#now();
    await this.#db.write(() => {
      this.#db.sql
        .prepare(
          "UPDATE build_cache SET used_at = ?, uses = uses + 1 WHERE key IN (SELECT value FROM json_each(?))",
        )
        .run(now, JSON.stringify(keys));
    }, "ordered");
  }

  list(): readonly (CacheRecord & CacheUse)[] {
    return this.#db.sql
      .prepare("SELECT record, used_at, uses FROM build_cache ORDER BY used_at")
      .all()
      .map((row) => ({
        ...(JSON.parse(String(row["record"])) as CacheRecord),
        usedAt: Number(row["used_at"]),
        uses: Number(row["uses"]),
      }));
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#db.write(() => {
      const remove = this.#db.sql.prepare("DELETE FROM build_cache WHERE key = ?");
      for (const key of keys) remove.run(key);
    });
  }

  /** What garbage collection must keep for the cache's sake. */
  *roots(): Generator<Item> {
    for (const { record } of this.#db.sql.prepare("SELECT record FROM build_cache").all()) {
      const { layer } = JSON.parse(String(record)) as CacheRecord;
      if (layer === undefined) continue;
      yield { kind: "blob", ref: layer.digest };
      yield { kind: "snapshot", ref: layer.chainId };
    }
  }
}
