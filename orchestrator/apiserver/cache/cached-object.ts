import type { KubeObject } from "#api/kube/meta.ts";
import { rememberLine } from "#client/streams.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { Revision } from "#orchestrator/storage/store.ts";

/** What the object is called below `/registry/`. */
export interface ObjectKey {
  /** e.g. `core/pods` */
  readonly place: string;
  readonly namespace?: string;
  readonly name: string;
}

export type ObjectEventType = "ADDED" | "MODIFIED" | "DELETED";

const metadataStart = Buffer.from('"metadata":{');
const lineEnd = Buffer.from("}\n");
const closingBrace = 0x7d;

/**
 * One object as of one revision, which never changes. It is parsed when somebody looks inside, and turned into each format once,
 * however many ask for it.
 */
export class CachedObject {
  readonly key: ObjectKey;
  readonly revision: Revision;
  /** As JSON, with its resourceVersion. */
  readonly json: Buffer;
  #object: KubeObject | undefined;
  readonly #frames = new Map<string, Buffer>();
  #encoded: Map<string, Uint8Array> | undefined;
  readonly #inserted: readonly [start: number, end: number];

  /**
   * @param stored JSON as {@link storedBytes} makes it
   * @param object what it says, where that is known already
   */
  constructor(key: ObjectKey, stored: Uint8Array, revision: Revision, object?: Draft) {
    this.key = key;
    this.revision = revision;
    const at =
      stored instanceof Buffer ? stored : Buffer.from(stored.buffer, stored.byteOffset, stored.length);
    const start = at.indexOf(metadataStart) + metadataStart.length;
    const inserted = Buffer.from(`"resourceVersion":"${revision}"${at[start] === closingBrace ? "" : ","}`);
    this.json = Buffer.concat([at.subarray(0, start), inserted, at.subarray(start)]);
    this.#object = object as unknown as KubeObject | undefined;
    this.#inserted = [start, start + inserted.length];
  }

  get object(): KubeObject {
    return (this.#object ??= JSON.parse(this.json.toString()) as KubeObject);
  }

  /** The same with another revision: what is said of an object that has gone, or is out of sight. */
  as(revision: Revision): CachedObject {
    const [start, end] = this.#inserted;
    const stored = Buffer.concat([this.json.subarray(0, start), this.json.subarray(end)]);
    return new CachedObject(this.key, stored, revision);
  }

  /** A line of a watch in JSON. */
  frame(type: ObjectEventType): Buffer {
    const known = this.#frames.get(type);
    if (known !== undefined) return known;
    const frame = Buffer.concat([Buffer.from(`{"type":"${type}","object":`), this.json, lineEnd]);
    rememberLine(frame, () => ({ type, object: this.object }));
    this.#frames.set(type, frame);
    return frame;
  }

  /** What `encode` makes of the object, kept under the format's name. */
  encoded(format: string, encode: (object: KubeObject) => Uint8Array): Uint8Array {
    this.#encoded ??= new Map();
    const known = this.#encoded.get(format);
    if (known !== undefined) return known;
    const bytes = encode(this.object);
    this.#encoded.set(format, bytes);
    return bytes;
  }
}

/** The key that an object has in the store. */
export function storeKey({ place, namespace, name }: ObjectKey): string {
  return namespace === undefined ? `/registry/${place}/${name}` : `/registry/${place}/${namespace}/${name}`;
}

/** What the keys of all objects of a resource begin with. */
export function keyPrefix(place: string, namespace?: string): string {
  return namespace === undefined ? `/registry/${place}/` : `/registry/${place}/${namespace}/`;
}

export function parseStoreKey(key: string): ObjectKey | undefined {
  const [, registry, group, resource, first, second] = key.split("/");
  if (registry !== "registry" || group === undefined || resource === undefined || first === undefined) return;
  const place = `${group}/${resource}`;
  return second === undefined ? { place, name: first } : { place, namespace: first, name: second };
}

/** What the store keeps of an object: JSON that begins with its type and its metadata, without the resourceVersion. */
export function storedBytes(object: Readonly<Record<string, unknown>>): Buffer {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { resourceVersion: _revision, ...kept } = (metadata ?? {}) as Record<string, unknown>;
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: kept, ...rest }));
}
