import type { Log } from "#base/log.ts";
import type { Database } from "#host/sqlite/database.ts";
import { messageOf } from "#base/fault.ts";

/** Something that garbage collection may remove: a blob by digest, a layer's snapshot by chain ID. */
export interface Item {
  readonly kind: "blob" | "snapshot";
  readonly ref: string;
}

/** An item as one string, to be the key of maps. */
export function keyOf(item: Item): string {
  return `${item.kind} ${item.ref}`;
}

/** A hold on items: what it protects is not removed until it is released, or expires. */
export interface Lease extends AsyncDisposable {
  readonly id: string;
  /** Protected when it resolves, whether or not the item exists. Waits for a removal of the item that is under way. */
  protect(item: Item): Promise<void>;
  /** From now on. Durable when it resolves. Only for leases that expire. */
  renew(ttlSeconds: number): Promise<void>;
  release(): Promise<void>;
}

interface Held {
  readonly items: Map<string, Item>;
  /** Milliseconds since 1970; undefined for a lease of this process, which dies with it. */
  expiresAt: number | undefined;
}

/**
 * Who protects what. A lease without a time to live is held by work of this process and is not written down: after a crash that
 * work is gone, and so is its claim. One with a time to live is durable and survives restarts until it expires.
 *
 * The order that makes it safe: an item is protected *before* it comes into being (ContentStore's `claim`, or a chain ID, which
 * is known beforehand), and removed only through {@link Leases.removeUnheld}, which decides and begins in one step.
 */
export class Leases {
  readonly #db: Database;
  readonly #now: () => number;
  readonly #log: Log;
  readonly #held = new Map<string, Held>();
  readonly #removing = new Map<string, Promise<void>>();
  readonly #watchers = new Set<(item: Item) => void>();
  #sequence = 0;

  constructor(deps: { readonly db: Database; readonly now: () => number; readonly log: Log }) {
    this.#db = deps.db;
    this.#now = deps.now;
    this.#log = deps.log;
    this.#read();
  }

  #read(): void {
    const leases = this.#db.sql.prepare("SELECT id, expires_at FROM leases").all();
    for (const { id, expires_at } of leases)
      this.#held.set(String(id), { items: new Map(), expiresAt: Number(expires_at) * 1000 });
    for (const { lease_id, kind, ref } of this.#db.sql.prepare("SELECT * FROM lease_items").all()) {
      const item: Item = { kind: kind === "blob" ? "blob" : "snapshot", ref: String(ref) };
      this.#held.get(String(lease_id))?.items.set(keyOf(item), item);
    }
  }

  /** For work that ends with this process at the latest. */
  hold(): Lease {
    const id = `process-${++this.#sequence}`;
    this.#held.set(id, { items: new Map(), expiresAt: undefined });
    return this.#leaseOf(id);
  }

  /** A durable lease; one with that ID that is there already goes on with its items and the new time to live. */
  async acquire(id: string, ttlSeconds: number): Promise<Lease> {
    const expiresAt = this.#now() + ttlSeconds * 1000;
    const held = this.#held.get(id);
    if (held === undefined) this.#held.set(id, { items: new Map(), expiresAt });
    else held.expiresAt = expiresAt;
    await this.#writeLease(id, expiresAt);
    return this.#leaseOf(id);
  }

  /** Items that a lease protects now. */
  items(): Iterable<Item> {
    return Array.from(this.#held.values()).flatMap((held) => Array.from(held.items.values()));
  }

  /** Tells of every item that is protected from now on, in the very step that protects it. */
  watch(onProtect: (item: Item) => void): Disposable {
    this.#watchers.add(onProtect);
    return { [Symbol.dispose]: () => this.#watchers.delete(onProtect) };
  }

  /**
   * Runs `remove` unless `isKept`, which is asked in the same step; whoever wants to protect the item meanwhile waits until the
   * removal is over. True when it was removed.
   */
  async removeUnheld(item: Item, isKept: () => boolean, remove: () => Promise<void>): Promise<boolean> {
    const key = keyOf(item);
    if (isKept() || this.#removing.has(key)) return false;
    const removal = remove();
    const over = removal.then(
      () => {},
      () => {},
    );
    this.#removing.set(key, over);
    try {
      await removal;
      return true;
    } finally {
      this.#removing.delete(key);
    }
  }

  /** Ends the leases whose time is over and tells when the next one ends, in milliseconds since 1970. */
  async expire(): Promise<number | undefined> {
    const now = this.#now();
    let next: number | undefined;
    const over: string[] = [];
    for (const [id, { expiresAt }] of this.#held) {
      if (expiresAt === undefined) continue;
      if (expiresAt <= now) over.push(id);
      else next = Math.min(next ?? expiresAt, expiresAt);
    }
    await Promise.all(over.map((id) => this.#release(id)));
    return next;
  }

  #leaseOf(id: string): Lease {
    const release = () => this.#release(id);
    return {
      id,
      protect: (item) => this.#protect(id, item),
      renew: async (ttlSeconds) => {
        await this.acquire(id, ttlSeconds);
      },
      release,
      [Symbol.asyncDispose]: release,
    };
  }

  async #protect(id: string, item: Item): Promise<void> {
    const key = keyOf(item);
    for (let removal = this.#removing.get(key); removal !== undefined; removal = this.#removing.get(key))
      await removal;
    const held = this.#held.get(id);
    if (held === undefined) throw new Error(`lease ${id} is over`);
    if (held.items.has(key)) return;
    held.items.set(key, item);
    for (const tell of this.#watchers) tell(item);
    if (held.expiresAt === undefined) return;
    await this.#db.write(() => {
      this.#db.sql
        .prepare("INSERT OR IGNORE INTO lease_items (lease_id, kind, ref) VALUES (?, ?, ?)")
        .run(id, item.kind, item.ref);
    });
  }

  async #writeLease(id: string, expiresAt: number): Promise<void> {
    await this.#db.write(() => {
      this.#db.sql
        .prepare(
          "INSERT INTO leases (id, expires_at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at",
        )
        .run(id, Math.ceil(expiresAt / 1000));
    });
  }

  /** A row that cannot be deleted now does no harm: it expires. */
  async #release(id: string): Promise<void> {
    const held = this.#held.get(id);
    this.#held.delete(id);
    if (held?.expiresAt === undefined) return;
    try {
      await this.#db.write(() => {
        this.#db.sql.prepare("DELETE FROM leases WHERE id = ?").run(id);
      });
    } catch (error) {
      this.#log.warn("lease not deleted", { lease: id, error: messageOf(error) });
    }
  }
}
