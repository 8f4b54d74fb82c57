import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "#base/fault.ts";

const sqliteBusy = 5;

/**
 * Takes a folder for this process alone. The kernel lets go of it when the process ends, however it ends, so a stale lock
 * cannot exist; child processes do not inherit it.
 *
 * The lock is SQLite's own on an empty database, because Node has no call for file locks.
 *
 * @throws {Fault} `conflict` while another process has it
 */
export function lockFolder(folder: string): Disposable {
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  // Who can read the file can lock it: nobody else may.
  const mask = process.umask(0o077);
  const database = new DatabaseSync(join(folder, "engine.lock"), { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if ((error as { readonly errcode?: number }).errcode !== sqliteBusy) throw error;
    throw new Fault("conflict", `another engine uses ${folder}`);
  } finally {
    process.umask(mask);
  }
  return { [Symbol.dispose]: () => database.close() };
}

/** Whether some process has the folder now. */
export function isFolderLocked(folder: string): boolean {
  try {
    lockFolder(folder)[Symbol.dispose]();
    return false;
  } catch (error) {
    if (error instanceof Fault) return true;
    throw error;
  }
}
