import type { Vertex } from "./progress.ts";

/** What the client sends once, however many platforms are built of it. */
export class SharedParts {
  readonly spools: Disposable[] = [];
  /** Names of bases by the name with the digest that stands for them. */
  readonly pinned = new Map<string, string>();
  readonly told = new Set<string>();
  /** Where warnings about the Dockerfile are shown. */
  definition: Vertex | undefined;
  readonly #once = new Map<string, Promise<unknown>>();

  /** The same key means the same work. */
  async once<T>(key: string, work: () => Promise<T>): Promise<T> {
    const known = (this.#once.get(key) as Promise<T> | undefined) ?? work();
    this.#once.set(key, known);
    return await known;
  }

  dispose(): void {
    for (const spool of this.spools) spool[Symbol.dispose]();
  }
}
