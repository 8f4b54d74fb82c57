import { mkdirSync, renameSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { dataName, fillVolume, recoverFill } from "./fill-volume.ts";
import { entriesOf, isCode, removeTree, sizeOfTree } from "./folders.ts";

const removedPrefix = ".removed-";

/**
 * The folders of volumes below `root`: `<name>/_data` is the content. A volume that is being removed is `.removed-<id>`, which
 * no name can be.
 */
export class VolumeFolders {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  dataOf(name: string): string {
    return join(this.#root, name, dataName);
  }

  // Each of these is one system call: handing it to a thread and back takes longer than the call.

  ensure(name: string): void {
    mkdirSync(this.#root, { recursive: true, mode: 0o700 });
    mkdirSync(join(this.#root, name), { recursive: true, mode: 0o711 });
    mkdirSync(this.dataOf(name), { recursive: true, mode: 0o755 });
  }

  fill(name: string, copy: (target: string) => Promise<void>): Promise<void> {
    return fillVolume(join(this.#root, name), copy);
  }

  recoverFill(name: string): Promise<void> {
    return recoverFill(join(this.#root, name));
  }

  sizeOf(name: string, signal: AbortSignal): Promise<number> {
    return sizeOfTree(this.dataOf(name), signal);
  }

  /** Takes the folder away under its name in one step; {@link VolumeFolders.clear} removes the content. */
  retire(name: string, id: string): void {
    try {
      renameSync(join(this.#root, name), join(this.#root, removedPrefix + id));
    } catch (error) {
      if (!isCode(error, "ENOENT")) throw error;
    }
  }

  async clear(id: string): Promise<void> {
    const folder = join(this.#root, removedPrefix + id);
    try {
      rmdirSync(join(folder, dataName));
      rmdirSync(folder);
    } catch {
      await removeTree(folder); // there is something in it
    }
  }

  /** IDs of the volumes that were retired and not cleared. */
  async retired(): Promise<readonly string[]> {
    const names = (await entriesOf(this.#root)).map(({ name }) => name.toString());
    return names
      .filter((name) => name.startsWith(removedPrefix))
      .map((name) => name.slice(removedPrefix.length));
  }
}
