import type { Item, Lease, Leases } from "#engine/gc/leases.ts";

/** What a broken-off pull has got is kept so long. */
const ttlSeconds = 6 * 3600;

/**
 * Holds on what pulls have got that outlive this process, one for each name: whoever asks for it next goes on where it stopped.
 * The last one that ends well lets go.
 */
export class PullLeases {
  readonly #leases: Leases;
  readonly #users = new Map<string, number>();

  constructor(leases: Leases) {
    this.#leases = leases;
  }

  /** @param work gets what puts a hold on an item, for as long as the work lasts and, when it fails, for hours more */
  async during<T>(name: string, work: (protect: (item: Item) => Promise<void>) => Promise<T>): Promise<T> {
    const id = `pull ${name}`;
    this.#users.set(id, (this.#users.get(id) ?? 0) + 1);
    let isDone = false;
    let durable: Lease | undefined;
    try {
      await using lease = this.#leases.hold();
      durable = await this.#leases.acquire(id, ttlSeconds);
      const kept = durable;
      const result = await work(async (item) => {
        await Promise.all([lease.protect(item), kept.protect(item)]);
      });
      isDone = true;
      return result;
    } finally {
      const left = (this.#users.get(id) ?? 1) - 1;
      if (left > 0) this.#users.set(id, left);
      else {
        this.#users.delete(id);
        if (isDone) await durable?.release();
      }
    }
  }
}
