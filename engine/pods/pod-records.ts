import { existsSync } from "node:fs";
import { ContainerRegistry } from "#engine/containers/registry.ts";
import type { Database } from "#host/sqlite/database.ts";
import { openPodDatabase, podDatabaseFile } from "./pod-database.ts";

interface Opened {
  readonly db: Database;
  readonly containers: ContainerRegistry;
}

/** Records of pods' containers, for everybody in the engine: there are none, and no database, before the CRI was first used. */
export class PodRecords implements Disposable {
  readonly #root: string;
  #opened: Opened | undefined;

  constructor(root: string) {
    this.#root = root;
    if (existsSync(podDatabaseFile(root))) this.open();
  }

  /** Whether there may be pods. */
  get isUsed(): boolean {
    return this.#opened !== undefined;
  }

  open(): Opened {
    if (this.#opened !== undefined) return this.#opened;
    const db = openPodDatabase(this.#root);
    this.#opened = { db, containers: new ContainerRegistry(db) };
    return this.#opened;
  }

  has(containerId: string): boolean {
    return this.#opened?.containers.find(containerId) !== undefined;
  }

  /** @see ImageUse.containersOf */
  usersOf(imageId: string): ReturnType<ContainerRegistry["usersOf"]> {
    return this.#opened?.containers.usersOf(imageId) ?? [];
  }

  [Symbol.dispose](): void {
    this.#opened?.db[Symbol.dispose]();
  }
}
