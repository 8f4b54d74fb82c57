import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Fault } from "#base/fault.ts";

/** A file of a volume. */
export interface Projection {
  readonly bytes: Uint8Array;
  readonly mode: number;
  /** Whose it is; absent: root's. */
  readonly uid?: number;
}

/** Files by path, relative to the volume. */
export type Payload = ReadonlyMap<string, Projection>;

const dataLink = "..data";
const newDataLink = "..data_tmp";

/**
 * Makes a volume have exactly these files, all at once: readers see the old ones or the new ones, never some of each. Every file is
 * behind `..data`, a link to a folder, and the link is replaced by one rename. May be killed anywhere and repeated.
 *
 * @param group whose the files become, and who may read them then
 * @throws {Fault} `invalid` for a path that would leave the volume
 * @returns whether anything had to change
 */
export function writeAtomically(folder: string, payload: Payload, group: number | undefined): boolean {
  for (const path of payload.keys()) verifyPath(path);
  const current = findCurrent(folder);
  removeLeftovers(folder, current);
  if (current !== undefined && isSame(join(folder, current), payload)) {
    linkNames(folder, payload);
    return false;
  }
  const made = mkdtempSync(
    join(folder, `..${new Date().toISOString().slice(0, 19).replace(/[-T:]/g, "_")}.`),
  );
  chmodSync(made, 0o755);
  for (const [path, projection] of payload) writeOne(made, path, projection, group);
  if (group !== undefined) giveFolders(made, group);
  rmSync(join(folder, newDataLink), { force: true });
  symlinkSync(made.slice(folder.length + 1), join(folder, newDataLink));
  renameSync(join(folder, newDataLink), join(folder, dataLink));
  linkNames(folder, payload);
  if (current !== undefined) rmSync(join(folder, current), { recursive: true, force: true });
  return true;
}

function verifyPath(path: string): void {
  const parts = path.split("/");
  if (path === "" || path.startsWith("/"))
    throw new Fault("invalid", `invalid path: must be relative path: ${path}`);
  if (parts.includes("..")) throw new Fault("invalid", `invalid path: must not contain '..': ${path}`);
  if (parts[0]?.startsWith("..") === true)
    throw new Fault("invalid", `invalid path: must not start with '..': ${path}`);
}

function findCurrent(folder: string): string | undefined {
  try {
    const target = readlinkSync(join(folder, dataLink));
    return target.startsWith("..") && !target.includes("/") ? target : undefined;
  } catch {
    return undefined;
  }
}

/** Of somebody who was killed before the link was replaced, or before the old files were removed. */
function removeLeftovers(folder: string, current: string | undefined): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith("..2") || name === current) continue;
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function isSame(folder: string, payload: Payload): boolean {
  const paths = filesBelow(folder, "");
  if (paths.length !== payload.size) return false;
  return paths.every((path) => {
    const wanted = payload.get(path);
    if (wanted === undefined) return false;
    return Buffer.compare(readFileSync(join(folder, path)), wanted.bytes) === 0;
  });
}

function filesBelow(folder: string, below: string): readonly string[] {
  try {
    return readdirSync(join(folder, below), { withFileTypes: true }).flatMap((entry) => {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(folder, path) : [path];
    });
  } catch {
    return []; // the link leads nowhere
  }
}

function writeOne(
  folder: string,
  path: string,
  { bytes, mode, uid }: Projection,
  group: number | undefined,
): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  writeFileSync(file, bytes, { mode: 0o600 });
  if (uid !== undefined || group !== undefined) chownSync(file, uid ?? 0, group ?? 0);
  chmodSync(file, group === undefined ? mode : mode | 0o440);
}

function giveFolders(folder: string, group: number): void {
  chownSync(folder, 0, group);
  chmodSync(folder, 0o2775);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) giveFolders(join(folder, entry.name), group);
  }
}

/** What containers see: a link for each first part of a path. */
function linkNames(folder: string, payload: Payload): void {
  const wanted = new Set([...payload.keys()].map((path) => path.split("/")[0] ?? ""));
  for (const name of readdirSync(folder)) {
    if (!name.startsWith("..") && !wanted.has(name))
      rmSync(join(folder, name), { recursive: true, force: true });
  }
  for (const name of wanted) {
    if (!isThere(join(folder, name))) symlinkSync(join(dataLink, name), join(folder, name));
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
