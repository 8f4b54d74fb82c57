import { createHash } from "node:crypto";
import { KeyedLock } from "#base/keyed-lock.ts";
import { formatTime } from "#base/time.ts";
import type { Lease } from "#engine/gc/leases.ts";
import type { BuiltLayer } from "#engine/images/image-workshop.ts";
import type { BuildContext } from "./build-deps.ts";
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
  readonly isCached: boolean;
}

/** Which results an operation may have from elsewhere. */
export interface CacheChoice {
  /** Which results are looked at: of earlier builds too, or what `import` has alone. New ones are kept in any case. */
  readonly isUsed: boolean | "imports";
  /** What a cache source of this build's own, such as an image, has for it. */
  readonly import?: () => { readonly created: string; readonly layer?: BuiltLayer } | undefined;
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
    const { layer, created, createdBy } = record;
    if (layer !== undefined && !(await this.#context.workshop.keep(layer, lease))) return undefined;
    return { created, createdBy, ...(layer !== undefined && { layer }), isCached: true };
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

  /** Gives a result a second name. */
  async alias(operation: Operation, solved: Solved): Promise<void> {
    await this.#put(operation, solved.created, solved.layer);
  }

  async #imported(operation: Operation, choice: CacheChoice, lease: Lease): Promise<Solved | undefined> {
    const found = choice.import?.();
    if (found === undefined) return undefined;
    if (found.layer !== undefined && !(await this.#context.workshop.keep(found.layer, lease)))
      return undefined;
    await this.#put(operation, found.created, found.layer);
    return { ...found, createdBy: operation.createdBy, isCached: true };
  }

  async #perform(
    operation: Operation,
    choice: CacheChoice,
    perform: () => Promise<BuiltLayer | undefined>,
  ): Promise<Solved> {
    const layer = await perform();
    const created = choice.created ?? formatTime(this.#context.now());
    await this.#put(operation, created, layer);
    return {
      created,
      createdBy: operation.createdBy,
      ...(layer !== undefined && { layer }),
      isCached: false,
    };
  }

  async #put(operation: Operation, created: string, layer: BuiltLayer | undefined): Promise<void> {
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
    });
  }
}
