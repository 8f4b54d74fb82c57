import { createWriteStream, readdirSync, rmSync } from "node:fs";
import { open, rm, stat } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Fault } from "#base/fault.ts";
import { KeyedLock } from "#base/keyed-lock.ts";
import type { RecordStore, StoredRecord } from "#hypervisor/metadata/record-store.ts";
import type { TaskList, TaskProgress } from "#hypervisor/tasks/task-list.ts";
import type { LayerRecord, LayerStore } from "./layer-store.ts";
import { convertImage, type ImageFormat, readImageInfo } from "./qemu-img.ts";

/** An uploaded disk image: nothing writes to it, disks are layers on it. */
export interface VirtualDiskRecord extends StoredRecord {
  readonly name: string;
  readonly capacityBytes: number;
  readonly layer: string;
}

const kind = "virtual-disk";
/** Of what is coming in; what an earlier daemon has left unfinished goes. */
const extension = ".upload";

const formats: Readonly<Record<string, ImageFormat>> = {
  qcow2: "qcow2",
  vmdk: "vmdk",
  vhd: "vpc",
  vhdx: "vhdx",
  img: "raw",
  raw: "raw",
};

/** Takes uploaded disk images in, whatever their format, and keeps them as qcow2. */
export class VirtualDiskLibrary {
  readonly #records: RecordStore;
  readonly #layers: LayerStore;
  readonly #tasks: TaskList;
  /** One at a time: each takes all of the host's disk. */
  readonly #converting = new KeyedLock();

  constructor(deps: {
    readonly records: RecordStore;
    readonly layers: LayerStore;
    readonly tasks: TaskList;
  }) {
    this.#records = deps.records;
    this.#layers = deps.layers;
    this.#tasks = deps.tasks;
    for (const file of readdirSync(this.#layers.folder))
      if (file.endsWith(extension)) rmSync(join(this.#layers.folder, file), { force: true });
  }

  list(): readonly VirtualDiskRecord[] {
    return this.#records.list<VirtualDiskRecord>(kind);
  }

  /**
   * Takes the bytes of a file, and resolves when they are all here; the task ends when they are a disk.
   *
   * @throws {Fault} `invalid` for a name without a known extension, or a stream of another length; `exhausted` when the disk is full;
   * nothing is left then
   */
  async upload(
    filename: string,
    lengthBytes: number,
    chunks: AsyncIterable<Buffer>,
    sessionID: string,
    signal: AbortSignal,
  ): Promise<{ readonly taskTag: string; readonly createdUUID: string }> {
    const format = formatOf(filename);
    const uuid = randomUUID();
    const part = join(this.#layers.folder, `${uuid}${extension}`);
    try {
      await pipeline(chunks, createWriteStream(part, { mode: 0o600 }), { signal });
      const { size } = await stat(part);
      if (size !== lengthBytes) throw new Fault("invalid", `${size} of ${lengthBytes} bytes have come`);
      const subject = {
        description: "Import virtual disk '%@'",
        parameters: [filename],
        objectUUID: uuid,
        sessionID,
      };
      const taskTag = await this.#tasks.begin(subject, async (progress, inner) => {
        try {
          await this.#convert(uuid, filename, { path: part, format }, progress, inner);
        } finally {
          await rm(part, { force: true });
        }
      });
      return { taskTag, createdUUID: uuid };
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  /** Disks that are layers on it stay as they are. */
  async remove(uuid: string): Promise<void> {
    await this.#records.change((changes) => changes.remove(kind, uuid));
    await this.#layers.collect();
  }

  async #convert(
    uuid: string,
    name: string,
    from: { readonly path: string; readonly format: ImageFormat },
    progress: TaskProgress,
    signal: AbortSignal,
  ): Promise<void> {
    await checkSelfContained(from, signal);
    progress.report(5);
    // A layer is recorded together with the disk that needs it: others may come and go meanwhile.
    await this.#converting.run("", async () => {
      const layer = randomUUID();
      const path = this.#layers.pathOf(layer);
      try {
        await convertImage(from, path, signal);
        const { virtualBytes } = await readImageInfo(path, "qcow2", signal);
        const made: LayerRecord = { uuid: layer, capacityBytes: virtualBytes };
        this.#layers.give(layer, 0);
        await rm(from.path);
        await progress.commit((changes) => {
          this.#layers.record(changes, made);
          changes.put(kind, { uuid, name, capacityBytes: virtualBytes, layer } as VirtualDiskRecord);
        });
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      }
    });
  }
}

/** @throws {Fault} `invalid` */
function formatOf(filename: string): ImageFormat {
  const [, extension = ""] = /^[^/\0]{1,250}\.([^./]+)$/.exec(filename) ?? [];
  const format = formats[extension.toLowerCase()];
  if (format === undefined) throw new Fault("invalid", `File type is invalid: '${filename}'`);
  return format;
}

/**
 * An image may name other files for its bytes: on this host those would be the host's.
 *
 * @throws {Fault} `invalid` for one that does, or is not of its format
 */
export async function checkSelfContained(
  image: { readonly path: string; readonly format: ImageFormat },
  signal: AbortSignal,
): Promise<void> {
  const file = await open(image.path);
  try {
    const head = Buffer.alloc(512);
    await file.read(head, 0, head.length, 0);
    if (image.format === "vmdk" && head.toString("latin1", 0, 4) !== "KDMV")
      throw new Fault("invalid", "Only VMDK files that hold their own data can be taken in");
    // Version 3 has its incompatible features at byte 72; bit 2 is an external data file. The backing file's name is at byte 8.
    const isQcow2 = image.format === "qcow2" && head.toString("latin1", 0, 4) === "QFI\xfb";
    if (image.format === "qcow2" && !isQcow2) throw new Fault("invalid", "The file is no qcow2 image");
    const features = isQcow2 && head.readUInt32BE(4) >= 3 ? head.readUInt32BE(76) : 0;
    if (isQcow2 && (head.readBigUInt64BE(8) !== 0n || (features & 4) !== 0))
      throw new Fault("invalid", "Images that name other files cannot be taken in");
  } finally {
    await file.close();
  }
  const { backingFile } = await readImageInfo(image.path, image.format, signal);
  if (backingFile !== undefined)
    throw new Fault("invalid", "Images that name other files cannot be taken in");
}
