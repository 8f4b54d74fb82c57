import { constants, readFileSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { ShippedPosition } from "./json-file.ts";

/** Longer than any position: it is written over in place, and what was longer before must not show. */
const width = 160;

/** Where a forwarder was, for the daemon that comes after a killed one. Not synced: a power cut may send records again. */
export class ShippedFile implements AsyncDisposable {
  readonly #handle: FileHandle;

  static async open(path: string): Promise<ShippedFile> {
    return new ShippedFile(await open(path, constants.O_WRONLY | constants.O_CREAT, 0o600));
  }

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async save(position: ShippedPosition): Promise<void> {
    await this.#handle.write(`${JSON.stringify(position).padEnd(width)}\n`, 0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#handle.close();
  }
}

/** Undefined when nothing was sent yet, or what is there cannot be read. */
export function readShipped(path: string): ShippedPosition | undefined {
  try {
    const { inode, offset, time } = JSON.parse(readFileSync(path, "utf8")) as Partial<ShippedPosition>;
    if (typeof inode !== "string" || typeof offset !== "number" || typeof time !== "string") return undefined;
    return { inode, offset, time };
  } catch {
    return undefined;
  }
}

/** Whether everything in the log was sent. */
export function isAllShipped(logPath: string, position: ShippedPosition | undefined): boolean {
  const current = statSync(logPath, { bigint: true, throwIfNoEntry: false });
  if (current === undefined || current.size === 0n) return position === undefined || current?.size === 0n;
  return position?.inode === String(current.ino) && BigInt(position.offset) === current.size;
}
