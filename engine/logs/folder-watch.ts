import { type FSWatcher, watch } from "node:fs";

/** Tells that a file whose name begins with `prefix` changed in a folder, by inotify. A change between two questions is not lost. */
export class FolderWatch implements Disposable {
  readonly #watcher: FSWatcher;
  #hasChanged = false;
  #wake: (() => void) | undefined;

  /** @throws when there is no such folder */
  constructor(folder: string, prefix: string) {
    this.#watcher = watch(folder, (_event, name) => {
      if (name === null || name.startsWith(prefix)) this.poke();
    });
    this.#watcher.on("error", () => this.poke());
  }

  /** As if something had changed. */
  poke(): void {
    this.#hasChanged = true;
    this.#wake?.();
  }

  /** Settles at once when something changed since this was last called, else with the next change. */
  async change(): Promise<void> {
    if (!this.#hasChanged) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = undefined;
    }
    this.#hasChanged = false;
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
    this.poke();
  }
}
