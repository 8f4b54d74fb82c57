import { chown, realpath, stat } from "node:fs/promises";
import { Fault, messageOf } from "#base/fault.ts";
import { ensureFolder, isCode } from "./folders.ts";
import { invalidMount } from "./mount-request.ts";
import type { ResolvedMount } from "./volumes.ts";

/** @throws {Fault} `invalid` with Docker's text when there is nothing at `source` */
export async function checkBindSource(source: string): Promise<void> {
  if (await isMissing(source)) throw invalidMount("bind", `bind source path does not exist: ${source}`);
}

/**
 * Makes the folder of a `-v`, and gives it to `owner`, when there is nothing at `source`; returns how to take it back.
 *
 * @throws {Fault} `invalid` with Docker's text when it cannot be made
 */
export async function ensureBindSource(source: string, owner: number): Promise<() => Promise<void>> {
  if (!(await isMissing(source))) return () => Promise.resolve();
  try {
    const takeBack = await ensureFolder(source, 0o755);
    if (owner !== 0) await chown(source, owner, owner);
    return takeBack;
  } catch (error) {
    throw new Fault("invalid", `error while creating mount source path '${source}': ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** @throws {Fault} `invalid` when what a volume binds is not there, or is a link that leads out of it */
export async function checkVolumeSource({ type, source, point, subpath }: ResolvedMount): Promise<void> {
  if (subpath !== undefined) return checkSubpath(source.slice(0, -subpath.length - 1), subpath);
  if (type !== "bind" || !(await isMissing(source))) return;
  const reason = `mount ${source}:${point.Source}, flags: 0x1000: no such file or directory`;
  throw new Fault(
    "invalid",
    `error while mounting volume '${point.Source}': failed to mount local volume: ${reason}`,
  );
}

async function checkSubpath(folder: string, subpath: string): Promise<void> {
  const path = `${folder}/${subpath}`;
  let isInside: boolean;
  try {
    const [root, real] = await Promise.all([realpath(folder), realpath(path)]);
    isInside = real === root || real.startsWith(`${root}/`);
  } catch (error) {
    const reason = isCode(error, "ENOENT") ? `lstat ${path}: no such file or directory` : messageOf(error);
    throw new Fault("invalid", `cannot access path ${path}: ${reason}`, { cause: error });
  }
  if (!isInside)
    throw new Fault(
      "invalid",
      `path concatenation escapes the base directory, base: ${folder}, subpath: ${subpath}`,
    );
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await stat(path);
    return false;
  } catch (error) {
    // What cannot be looked at (ENOTDIR, ELOOP, EACCES) is left to the one who makes or mounts it.
    return isCode(error, "ENOENT", "ENOTDIR");
  }
}
