import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

/** What files that are being written end with; after a crash they are rubbish. */
const unfinished = ".new";

/** Makes the folder, for its owner only, and removes what a crash left half-written. */
export function ensureKeyFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder)) if (name.endsWith(unfinished)) rmSync(join(folder, name));
}

/** Its text, or undefined when there is none. */
export function findText(folder: string, name: string): string | undefined {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Writes the file whole or not at all, mode 600. With `isDurable` also a power cut leaves it there once this has returned; without,
 * it may be empty then: for what can be made again.
 */
export function writeKeyFile(folder: string, name: string, text: string, isDurable: boolean): void {
  const path = join(folder, name);
  const fresh = `${path}${unfinished}`;
  const file = openSync(fresh, "w", 0o600);
  try {
    writeSync(file, text);
    if (isDurable) fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
  if (isDurable) syncFolder(folder);
}

function syncFolder(folder: string): void {
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
