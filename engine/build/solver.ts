import { createHash } from "node:crypto";
import { KeyedLock } from "#base/keyed-lock.ts";
import { formatTime } from "#base/time.ts";
import type { Lease } from "#engine/gc/leases.ts";
import type { BuiltLayer } from "#engine/images/image-workshop.ts";
import type { BuildContext } from "./build-deps.ts";
import type { CachedResult } from "./cache-source.ts";
import type { CacheRecord } from "./cache-store.ts";

/** What a step is, as far as its result depends on it; the key is the digest of it. */
export interface Operation {
  readonly kind: CacheRecord["kind"];
  readonly description: string;
  readonly createdBy: string;
  /** Anything that is JSON. The chain IDs of all file systems that it reads are in here. */
  readonly inputs: unknown;
}

export interface Solved {
  readonly created: string;
  readonly createdBy: string;
  readonly layer?: BuiltLayer;
  /** Another key by which it is known. */
  readonly same?: string;
  readonly isCached: boolean;
}

/** Which results an operation may have from elsewhere. */
export interface CacheChoice {
  /** Which results are looked at: of earlier builds too, or what `import` has alone. New ones are kept in any case. */
  readonly isUsed: boolean | "imports";
  /** What a cache source of this build's own, such as an image, has for it. @param key of the operation */
  readonly import?: (key: string) => Promise<CachedResult | undefined>;
  /** RFC 3339: when new results are said to be made. Absent: now. */
  readonly created?: string;
}

/**
 * Runs operations, each at most once: what one like it has made, in this build or another, is taken instead. Two builds that
 * want the same at the same time do it once. Knows nothing of Dockerfiles, so that every front end can drive it.
 */
export class Solver {
  readonly #context: BuildContext;
  readonly #locks = new KeyedLock();

  constructor(context: BuildContext) {
    this.#context = context;
  }

  /** By which an operation's result is kept. */
  keyOf({ kind, inputs }: Pick<Operation, "kind" | "inputs">): string {
    return createHash("sha256")
      .update(JSON.stringify([kind, inputs]))
      .digest("hex");
  }

  /** The result that is there already. What it needs is held by the lease from here on. */
  async find(operation: Pick<Operation, "kind" | "inputs">, lease: Lease): Promise<Solved | undefined> {
    const key = this.keyOf(operation);
    const record = this.#context.cache.find(key);
    if (record === undefined) return undefined;
    const { layer, created, createdBy, same } = record;
    if (layer !== undefined && !(await this.#context.workshop.keep(layer, lease))) return undefined;
    return {
      created,
      createdBy,
      ...(layer !== undefined && { layer }),
      ...(same !== undefined && { same }),
      isCached: true,
    };
  }

  /** @throws what `perform` throws; nothing is kept then */
  async solve(
    operation: Operation,
    choice: CacheChoice,
    lease: Lease,
    perform: () => Promise<BuiltLayer | undefined>,
    signal: AbortSignal,
  ): Promise<Solved> {
    if (!choice.isUsed) return await this.#perform(operation, choice, perform);
    const find = async () => (choice.isUsed === true ? await this.find(operation, lease) : undefined);
    const found = (await find()) ?? (await this.#imported(operation, choice, lease));
    if (found !== undefined) return found;
    return await this.#locks.run(this.keyOf(operation), async () => {
      signal.throwIfAborted();
      return (await find()) ?? (await this.#perform(operation, choice, perform));
    });
  }

  /** Gives the result of an operation a second name. */
  async alias(operation: Operation, second: Operation, solved: Solved): Promise<void> {
    await this.#put(second, { ...solved, same: this.keyOf(operation) });
  }

  /** @param operation for whose result nothing else is looked at. What is found is kept. */
  async import(operation: Operation, choice: CacheChoice, lease: Lease): Promise<Solved | undefined> {
    return choice.isUsed === false ? undefined : await this.#imported(operation, choice, lease);
  }

  async #imported(operation: Operation, choice: CacheChoice, lease: Lease): Promise<Solved | undefined> {
    const found = await choice.import?.(this.keyOf(operation));
    if (found === undefined) return undefined;
    if (found.layer !== undefined && !(await this.#context.workshop.keep(found.layer, lease)))
      return undefined;
    await this.#put(operation, found);
    return { ...found, createdBy: operation.createdBy, isCached: true };
  }

  async #perform(
    operation: Operation,
    choice: CacheChoice,
    perform: () => Promise<BuiltLayer | undefined>,
  ): Promise<Solved> {
    const layer = await perform();
    const created = choice.created ?? formatTime(this.#context.now());
    await this.#put(operation, { created, ...(layer !== undefined && { layer }) });
    return {
      created,
      createdBy: operation.createdBy,
      ...(layer !== undefined && { layer }),
      isCached: false,
    };
  }

  async #put(operation: Operation, { created, layer, same }: CachedResult): Promise<void> {
    const { cache, workshop } = this.#context;
    const { kind, description, createdBy } = operation;
    const bytes = layer === undefined ? 0 : layer.size + (await workshop.usage(layer));
    const key = this.keyOf(operation);
    await cache.put({
      key,
      kind,
      description,
      created,
      createdBy,
      bytes,
      ...(layer !== undefined && { layer }),
      ...(same !== undefined && { same }),
    });
  }
}
