import { closeSync, constants, fstatSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Fault, messageOf } from "#base/fault.ts";
import { mountsBelow } from "#host/mounts.ts";
import { mount, MS, O_PATH, openAt, RESOLVE } from "#host/sys.ts";

const safely = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS;

/** @throws {Fault} `invalid` for what is no path within a volume */
export function verifySubPath(subPath: string): void {
  if (subPath.startsWith("/"))
    throw new Fault("invalid", `error SubPath \`${subPath}\` must not be an absolute path`);
  if (subPath.split("/").includes(".."))
    throw new Fault("invalid", `unable to provision SubPath \`${subPath}\`: must not contain '..'`);
}

/**
 * Makes `target` show what `subPath` names within a volume. Containers may write to the volume while this runs: links in it are never
 * followed out of it, and what was looked at is what gets mounted, by its descriptor. What is not there becomes a folder.
 *
 * @throws {Fault} `precondition` when it cannot be had, e.g. because a file stands in the way
 */
export function mountSubPath(volume: string, subPath: string, target: string, mode: number): void {
  if (mountsBelow(target).includes(target)) return;
  const root = openSync(volume, O_PATH | constants.O_DIRECTORY);
  let fd: number | undefined;
  try {
    fd = openOrMake(root, subPath, mode);
    const isFolder = fstatSync(fd).isDirectory();
    mkdirSync(isFolder ? target : dirname(target), { recursive: true, mode: 0o750 });
    if (!isFolder) writeFileSync(target, "");
    mount(`/proc/self/fd/${fd}`, target, null, MS.BIND | MS.REC, null);
  } catch (error) {
    throw new Fault("precondition", `failed to prepare subPath for volumeMount: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    if (fd !== undefined) closeSync(fd);
    closeSync(root);
  }
}

function openOrMake(root: number, subPath: string, mode: number): number {
  const found = tryOpen(root, subPath);
  if (found !== undefined) return found;
  const parts = subPath.split("/").filter((part) => part !== "" && part !== ".");
  for (let length = 1; length <= parts.length; length++) {
    const below = parts.slice(0, length).join("/");
    const known = tryOpen(root, below);
    if (known !== undefined) closeSync(known);
    else makeFolder(root, parts.slice(0, length - 1).join("/"), parts[length - 1] ?? "", mode);
  }
  return openAt(root, subPath, { flags: O_PATH, resolve: safely });
}

/** The name is one part of a path, made in a folder that is held open: nobody can move it meanwhile. */
function makeFolder(root: number, parent: string, name: string, mode: number): void {
  const folder = openAt(root, parent === "" ? "." : parent, {
    flags: O_PATH | constants.O_DIRECTORY,
    resolve: safely,
  });
  try {
    mkdirSync(`/proc/self/fd/${folder}/${name}`, { mode });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    closeSync(folder);
  }
}

function tryOpen(root: number, path: string): number | undefined {
  try {
    return openAt(root, path, { flags: O_PATH, resolve: safely });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
