/** Is told how much of a blob's file can be read. */
export interface GrowthListener {
  /** The first so many bytes are there. */
  grown(bytes: number): void;
  /** What was there was wrong: the file is another one now. Nothing more is told. */
  restarted(): void;
}

/** A blob on its way into the store, to be read while it comes. What is read may turn out to be wrong until it is whole. */
export class Arrival {
  /** Resolves with the path of the file once there is one; not at all when the blob turns out to be there already. */
  readonly begun: Promise<string>;
  /** Bytes that the whole blob has. */
  readonly size: number;
  readonly #begin: (path: string) => void;
  readonly #listeners = new Set<GrowthListener>();
  #bytes = 0;
  #hasRestarted = false;

  constructor(size: number) {
    this.size = size;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.begun = promise;
    this.#begin = resolve;
  }

  /** For the one who writes the file. */
  grown(path: string, bytes: number): void {
    this.#begin(path);
    if (bytes < this.#bytes && !this.#hasRestarted) {
      this.#hasRestarted = true;
      for (const listener of this.#listeners) listener.restarted();
    }
    this.#bytes = bytes;
    if (this.#hasRestarted) return;
    for (const listener of this.#listeners) listener.grown(bytes);
  }

  /** Tells how much there is now, and from now on. */
  follow(listener: GrowthListener): Disposable {
    this.#listeners.add(listener);
    if (this.#hasRestarted) listener.restarted();
    else listener.grown(this.#bytes);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }
}
