import { bytesFrom } from "#base/bytes-from.ts";
import { createHash } from "node:crypto";
import type { BlobInfo } from "#engine/content/content-store.ts";
import { digestOf } from "#engine/content/sha256.ts";
import { gzipped } from "./gzip.ts";

/** A plain blob on its way out, compressed as it goes: what it becomes is known at its end. Nothing of it is kept on disk. */
export class CompressedUpload {
  readonly #open: () => Promise<AsyncIterable<Uint8Array>>;
  readonly #tell: (plainBytes: number) => void;
  readonly #compress: (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
  #whole: BlobInfo | undefined;

  /**
   * @param tell how much of the plain blob has been read
   * @param compress the same bytes give the same result
   */
  constructor(
    open: () => Promise<AsyncIterable<Uint8Array>>,
    tell: (plainBytes: number) => void,
    compress: (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array> = gzipped,
  ) {
    this.#open = open;
    this.#tell = tell;
    this.#compress = compress;
  }

  /** Undefined until the stream has been read to its end once. */
  get whole(): BlobInfo | undefined {
    return this.#whole;
  }

  /** The compressed bytes from `offset` on; they are the same each time. */
  async *from(offset: number): AsyncGenerator<Uint8Array> {
    yield* bytesFrom(this.#compressed(), offset);
  }

  async *#compressed(): AsyncGenerator<Uint8Array> {
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of this.#compress(this.#watched())) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
    this.#whole ??= { digest: digestOf(hash), size };
  }

  async *#watched(): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    for await (const chunk of await this.#open()) {
      bytes += chunk.length;
      this.#tell(bytes);
      yield chunk;
    }
  }
}
