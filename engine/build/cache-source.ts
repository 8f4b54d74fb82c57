import type { BuiltLayer } from "#engine/images/image-workshop.ts";
import type { CacheRecordEntry } from "#oci/cache-config.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import type { Digest } from "#oci/digest.ts";

/** A result that is here. */
export interface CachedResult {
  /** RFC 3339. */
  readonly created: string;
  readonly layer?: BuiltLayer;
  /** Another key by which it is known. */
  readonly same?: string;
}

/** A result that a build has made or taken. */
export interface StepResult {
  /** Of the solver. */
  readonly key: string;
  readonly created: string;
  /** The file system with it, base first. */
  readonly layers: readonly BuiltLayer[];
  /** Whether the topmost of these is its own. */
  readonly hasLayer: boolean;
}

/** A layer that is somewhere else. */
export interface RemoteLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** Index of the layer below; -1 for none. */
  readonly parent: number;
}

export interface RemoteResult {
  readonly created: string;
  readonly same?: string;
  readonly layer?: Pick<RemoteLayer, "descriptor" | "diffId">;
}

interface Parts {
  readonly records: readonly CacheRecordEntry[];
  readonly layers: readonly (RemoteLayer | undefined)[];
  /** A blob from an offset on. */
  readonly read: (blob: Descriptor, offset: number, signal: AbortSignal) => AsyncIterable<Uint8Array>;
}

/** Results of operations that are somewhere else, by the keys of the solver. */
export class CacheSource {
  readonly read: Parts["read"];
  readonly #layers: Parts["layers"];
  readonly #records: ReadonlyMap<string, CacheRecordEntry>;
  /** By layer. */
  readonly #keysOf: ReadonlyMap<number, readonly string[]>;

  constructor({ records, layers, read }: Parts) {
    this.read = read;
    this.#layers = layers;
    this.#records = new Map(records.map((record) => [record.digest, record]));
    this.#keysOf = new Map(
      [...Map.groupBy(records, ({ layer = -1 }) => layer)].map(([layer, known]) => [
        layer,
        known.map(({ digest }) => digest.slice("sha256:".length)),
      ]),
    );
  }

  /** Undefined where there is none, or one that does not stand on top of `below`. */
  find(key: string, below: readonly BuiltLayer[]): RemoteResult | undefined {
    const { layer: index, created } = this.#records.get(`sha256:${key}`) ?? {};
    if (created === undefined || Number.isNaN(Date.parse(created))) return undefined;
    if (index === undefined) return { created };
    const layer = this.#layers[index];
    if (layer === undefined || !this.#isOn(layer.parent, below)) return undefined;
    const same = this.#keysOf.get(index)?.find((other) => other !== key);
    return { created, layer, ...(same !== undefined && { same }) };
  }

  #isOn(parent: number, below: readonly BuiltLayer[]): boolean {
    let at = parent;
    for (const { diffId } of below.toReversed()) {
      const layer = this.#layers[at];
      if (layer?.diffId !== diffId) return false;
      at = layer.parent;
    }
    return at === -1;
  }
}
