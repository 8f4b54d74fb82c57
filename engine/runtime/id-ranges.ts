import { Fault } from "#base/fault.ts";
import type { IdRange } from "#base/id-range.ts";

/**
 * IDs that belong to nobody by convention: above what systemd gives to containers, below its range for foreign files, and
 * positive in 32 bits.
 *
 * @see systemd, "Users, Groups, UIDs and GIDs on systemd Systems"
 */
const firstBase = 0x7000_0000;
const rangeSize = 0x1_0000;
const rangeCount = 0xffe;

/**
 * Which IDs of the host which containers have. A range is one container's, and of those that share a namespace with it; it is
 * free again when the last of them is removed. What is kept is kept in the containers' records: this is made from them.
 */
export class IdRanges {
  readonly #users = new Map<number, Set<string>>();
  #next: number;

  /** `start`, any whole number, decides where the search begins: engines side by side begin at different places. */
  constructor(start: number) {
    this.#next = start % rangeCount;
  }

  /** A range that nobody has, least recently used ones first. @throws {Fault} `exhausted` */
  allocate(container: string): IdRange {
    for (let tried = 0; tried < rangeCount; tried++) {
      const base = firstBase + this.#next * rangeSize;
      this.#next = (this.#next + 1) % rangeCount;
      if (this.#users.has(base)) continue;
      this.#users.set(base, new Set([container]));
      return { base, size: rangeSize };
    }
    throw new Fault(
      "exhausted",
      `no ID range is left for a user namespace: ${rangeCount} containers have one`,
    );
  }

  /** The container has the range too. */
  adopt(container: string, { base }: IdRange): void {
    const users = this.#users.get(base);
    if (users === undefined) this.#users.set(base, new Set([container]));
    else users.add(container);
  }

  /** Repeating it is fine. */
  release(container: string, { base }: IdRange): void {
    const users = this.#users.get(base);
    users?.delete(container);
    if (users?.size === 0) this.#users.delete(base);
  }
}
