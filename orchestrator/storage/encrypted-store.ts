import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { Fault } from "#base/fault.ts";
import type { Change, Entry, Page, Range, Revision, Store, Watch, WriteResult } from "./store.ts";

export interface EncryptionKey {
  /** Stands before every value that it has encrypted: letters, digits and `-`. */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

export interface EncryptedStoreDeps {
  readonly store: Store;
  /** The first one encrypts; all of them decrypt. */
  readonly keys: readonly [EncryptionKey, ...EncryptionKey[]];
  /** Of the keys whose values are encrypted. What others hold passes through. */
  readonly prefixes: readonly string[];
}

const marker = Buffer.from("k8s:enc:aesgcm:v1:");
const [nonceBytes, tagBytes] = [12, 16];
const rewriteMost = 500;

/**
 * A store whose values cannot be read by who only has its file: AES-256-GCM, each with a nonce of its own and bound to its key, so
 * that values cannot be exchanged either. A value is `k8s:enc:aesgcm:v1:<key ID>:`, the nonce, the ciphertext and the tag. Values that were written
 * before there was a key are read as they are.
 *
 * Adds to the {@link Store}'s faults `internal`, for a value that its key does not open or whose key is not there.
 */
export class EncryptedStore implements Store {
  readonly #store: Store;
  readonly #keys: ReadonlyMap<string, EncryptionKey>;
  readonly #current: EncryptionKey;
  readonly #prefixes: readonly string[];

  constructor({ store, keys, prefixes }: EncryptedStoreDeps) {
    this.#store = store;
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    [this.#current] = keys;
    this.#prefixes = prefixes;
  }

  async get(
    key: string,
    signal: AbortSignal,
  ): Promise<{ readonly revision: Revision; readonly entry?: Entry }> {
    const found = await this.#store.get(key, signal);
    return found.entry === undefined ? found : { ...found, entry: this.#open(found.entry) };
  }

  async list(range: Range, signal: AbortSignal): Promise<Page> {
    const page = await this.#store.list(range, signal);
    return { ...page, entries: page.entries.map((entry) => this.#open(entry)) };
  }

  async count(prefix: string, signal: AbortSignal): Promise<number> {
    return await this.#store.count(prefix, signal);
  }

  async put(write: Parameters<Store["put"]>[0], signal: AbortSignal): Promise<WriteResult> {
    const { key, value } = write;
    const sealed = this.#isSecret(key) ? { ...write, value: seal(this.#current, key, value) } : write;
    return this.#openResult(await this.#store.put(sealed, signal));
  }

  async delete(key: string, expected: Revision, signal: AbortSignal): Promise<WriteResult> {
    return this.#openResult(await this.#store.delete(key, expected, signal));
  }

  watch(prefix: string, after: Revision, signal: AbortSignal): Watch {
    const watch = this.#store.watch(prefix, after, signal);
    const open = (change: Change) => this.#openChange(change);
    return {
      get position() {
        return watch.position;
      },
      async *[Symbol.asyncIterator]() {
        for await (const changes of watch) yield changes.map(open);
      },
    };
  }

  async compact(revision: Revision, signal: AbortSignal): Promise<void> {
    await this.#store.compact(revision, signal);
  }

  /** Encrypts with the newest key whatever is not: after a new key, or the first one. Resolves to how many values that were. */
  async rewrite(signal: AbortSignal): Promise<number> {
    let count = 0;
    for (const prefix of this.#prefixes)
      for (let after: string | undefined; ; ) {
        const { entries, remaining } = await this.#store.list(
          { prefix, limit: rewriteMost, ...(after !== undefined && { after }) },
          signal,
        );
        for (const entry of entries) if (await this.#rewriteOne(entry, signal)) count++;
        after = entries.at(-1)?.key;
        if (remaining === 0 || after === undefined) break;
      }
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }

  /** False when there is nothing to do; what somebody wrote meanwhile is encrypted already. */
  async #rewriteOne(entry: Entry, signal: AbortSignal): Promise<boolean> {
    if (keyIdOf(entry.value) === this.#current.id) return false;
    const { key, revision } = entry;
    const { value } = this.#open(entry);
    return (await this.put({ key, value, expected: revision }, signal)).isDone;
  }

  #isSecret(key: string): boolean {
    return this.#prefixes.some((prefix) => key.startsWith(prefix));
  }

  #open(entry: Entry): Entry {
    if (!this.#isSecret(entry.key)) return entry;
    const id = keyIdOf(entry.value);
    if (id === undefined) return entry;
    const key = this.#keys.get(id);
    if (key === undefined) throw unreadable(entry.key, `the encryption key ${id} is missing`);
    return { ...entry, value: unseal(key, entry) };
  }

  #openResult(result: WriteResult): WriteResult {
    if (result.isDone || result.current === undefined) return result;
    return { ...result, current: this.#open(result.current) };
  }

  #openChange(change: Change): Change {
    if (change.type === "delete") return { ...change, previous: this.#open(change.previous) };
    return {
      ...change,
      entry: this.#open(change.entry),
      ...(change.previous !== undefined && { previous: this.#open(change.previous) }),
    };
  }
}

function seal({ id, key }: EncryptionKey, name: string, value: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(name));
  return Buffer.concat([
    marker,
    Buffer.from(`${id}:`),
    nonce,
    cipher.update(value),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
}

function unseal({ id, key }: EncryptionKey, { key: name, value }: Entry): Uint8Array {
  const start = marker.length + id.length + 1;
  const nonce = value.subarray(start, start + nonceBytes);
  if (value.length < start + nonceBytes + tagBytes) throw unreadable(name, "it is cut short");
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(name));
  decipher.setAuthTag(value.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(value.subarray(start + nonceBytes, -tagBytes)), decipher.final()]);
  } catch {
    throw unreadable(name, "it has been changed, or is another's");
  }
}

/** Undefined for a value that is not encrypted. */
function keyIdOf(value: Uint8Array): string | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (!bytes.subarray(0, marker.length).equals(marker)) return undefined;
  const end = bytes.indexOf(":", marker.length);
  return end === -1 ? undefined : bytes.toString("latin1", marker.length, end);
}

function unreadable(key: string, reason: string): Fault {
  return new Fault("internal", `the value of ${key} cannot be decrypted: ${reason}`);
}
