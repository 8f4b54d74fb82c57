import { randomUUID } from "node:crypto";
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Fault } from "#base/fault.ts";
import type { Changes, RecordStore, StoredRecord } from "#hypervisor/metadata/record-store.ts";

/** A medium for CD-ROM drives. */
export interface IsoRecord extends StoredRecord {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly readyForInsert: boolean;
  /** It was made for a machine, and goes with it. */
  readonly ownerUUID?: string;
}

const kind = "iso";
const extension = ".iso";

/** The media, in the folder that machines read from. */
export class IsoLibrary {
  readonly #folder: string;
  readonly #records: RecordStore;

  constructor(deps: { readonly folder: string; readonly records: RecordStore }) {
    this.#folder = deps.folder;
    this.#records = deps.records;
    mkdirSync(this.#folder, { recursive: true, mode: 0o711 });
    for (const file of readdirSync(this.#folder))
      if (
        file.endsWith(`${extension}.part`) ||
        (file.endsWith(extension) && this.find(file.slice(0, -extension.length)) === undefined)
      )
        rmSync(join(this.#folder, file), { force: true });
  }

  list(): readonly IsoRecord[] {
    return this.#records.list<IsoRecord>(kind);
  }

  find(uuid: string): IsoRecord | undefined {
    return this.#records.find<IsoRecord>(kind, uuid);
  }

  /** @throws {Fault} `not-found` */
  get(uuid: string): IsoRecord {
    const iso = this.find(uuid);
    if (iso === undefined) throw new Fault("not-found", `There is no ISO ${uuid}`);
    return iso;
  }

  /** Relative to the folder, as QEMU is told. */
  fileOf(uuid: string): string {
    return `${uuid}${extension}`;
  }

  /** @throws {Fault} `invalid` for a name that is taken or does not end in `.iso` */
  async create(given: {
    readonly name: string;
    readonly size?: number;
    readonly readyForInsert: boolean;
  }): Promise<string> {
    const uuid = randomUUID();
    await this.#records.change((changes) => {
      this.#checkName(given.name, uuid);
      changes.put(kind, { uuid, size: 0, ...given } as IsoRecord);
    });
    return uuid;
  }

  /** @throws {Fault} `not-found`; `invalid` as for {@link create} */
  async update(uuid: string, change: Partial<Omit<IsoRecord, "uuid">>): Promise<void> {
    await this.#records.change((changes) => {
      const before = this.get(uuid);
      if (change.name !== undefined) this.#checkName(change.name, uuid);
      changes.put(kind, { ...before, ...change } as IsoRecord);
    });
  }

  /**
   * Takes the medium's bytes, in the place of those that were there before.
   *
   * @throws {Fault} `not-found`; `exhausted` when the disk is full; nothing has changed then
   */
  async upload(
    uuid: string,
    chunks: AsyncIterable<Buffer>,
    lengthBytes: number,
    signal: AbortSignal,
  ): Promise<void> {
    this.get(uuid);
    const path = join(this.#folder, this.fileOf(uuid));
    const part = `${path}.part`;
    try {
      await pipeline(chunks, createWriteStream(part, { mode: 0o644, flush: true }), { signal });
      renameSync(part, path);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
    await this.update(uuid, { size: lengthBytes });
  }

  /** Writes a medium for one machine; it is recorded with the change that needs it, by {@link record}. */
  make(name: string, bytes: Uint8Array, ownerUUID: string): IsoRecord {
    const uuid = randomUUID();
    try {
      writeFileSync(join(this.#folder, this.fileOf(uuid)), bytes, { mode: 0o644, flush: true });
    } catch (error) {
      this.removeFile(uuid);
      throw error;
    }
    return { uuid, name, size: bytes.length, readyForInsert: true, ownerUUID };
  }

  record(changes: Changes, iso: IsoRecord): void {
    changes.put(kind, iso);
  }

  forget(changes: Changes, uuid: string): void {
    changes.remove(kind, uuid);
  }

  /** After its record has gone. */
  removeFile(uuid: string): void {
    rmSync(join(this.#folder, this.fileOf(uuid)), { force: true });
  }

  hasData(uuid: string): boolean {
    return existsSync(join(this.#folder, this.fileOf(uuid)));
  }

  #checkName(name: string, uuid: string): void {
    if (!/^[^/\0]{1,250}\.iso$/i.test(name))
      throw new Fault("invalid", `ISO name '${name}' must end in .iso`);
    if (this.list().some((iso) => iso.name === name && iso.uuid !== uuid))
      throw new Fault("invalid", `An ISO named '${name}' exists already`);
  }
}
