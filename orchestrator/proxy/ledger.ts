import type { Element } from "./elements.ts";
import type { SetName } from "./ruleset.ts";

/** What of a set changed. */
export interface Change {
  readonly set: SetName;
  readonly key: string;
  /** Undefined: it was not there. */
  readonly before: string | undefined;
  /** Undefined: it is to go. */
  readonly now: string | undefined;
}

interface Claim {
  readonly owner: string;
  readonly data: string;
}

/** Which service wants which element. Of several who want the same key the first has it, until it wants it no more. */
export class Ledger {
  readonly #claims = new Map<string, readonly Claim[]>();
  readonly #ofOwner = new Map<string, readonly string[]>();
  /** What the table holds as far as is known: data by set and key. */
  readonly #written = new Map<string, string>();
  readonly #touched = new Set<string>();

  /** Replaces what the owner wanted before. */
  put(owner: string, elements: readonly Element[]): void {
    const wanted = new Map(elements.map(({ set, key, data }) => [`${set} ${key}`, data]));
    for (const id of this.#ofOwner.get(owner) ?? []) if (!wanted.has(id)) this.#drop(owner, id);
    for (const [id, data] of wanted) this.#claim(owner, id, data);
    if (wanted.size === 0) this.#ofOwner.delete(owner);
    else this.#ofOwner.set(owner, [...wanted.keys()]);
  }

  /** What the table has to be told. */
  changes(): readonly Change[] {
    const changes: Change[] = [];
    for (const id of this.#touched) {
      const before = this.#written.get(id);
      const now = this.#claims.get(id)?.[0]?.data;
      if (before !== now) changes.push({ ...partsOf(id), before, now });
    }
    return changes;
  }

  /** The table has these now. */
  written(changes: readonly Change[]): void {
    for (const { set, key, now } of changes) {
      const id = `${set} ${key}`;
      if (now === undefined) this.#written.delete(id);
      else this.#written.set(id, now);
      if (this.#claims.get(id)?.[0]?.data === now) this.#touched.delete(id);
    }
  }

  /** The table is empty. */
  forget(): void {
    this.#written.clear();
    for (const id of this.#claims.keys()) this.#touched.add(id);
  }

  #claim(owner: string, id: string, data: string): void {
    const claims = this.#claims.get(id) ?? [];
    const own = claims.findIndex((claim) => claim.owner === owner);
    if (own !== -1 && claims[own]?.data === data) return;
    this.#claims.set(id, own === -1 ? [...claims, { owner, data }] : claims.with(own, { owner, data }));
    this.#touched.add(id);
  }

  #drop(owner: string, id: string): void {
    const left = (this.#claims.get(id) ?? []).filter((claim) => claim.owner !== owner);
    if (left.length === 0) this.#claims.delete(id);
    else this.#claims.set(id, left);
    this.#touched.add(id);
  }
}

function partsOf(id: string): Pick<Change, "set" | "key"> {
  const space = id.indexOf(" ");
  return { set: id.slice(0, space) as SetName, key: id.slice(space + 1) };
}
