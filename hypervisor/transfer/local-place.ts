import { constants } from "node:fs";
import { copyFile, mkdir, realpath, rename, rm, open } from "node:fs/promises";
import { join } from "node:path";
import { Fault, isFullDisk } from "#base/fault.ts";
import type { Place } from "./place.ts";

/**
 * A folder below the one that the administrator has set. Nothing leads out of that: no symbolic link is followed. Files are
 * complete when they get their names; what is not is in a folder of its own, which goes at the next start.
 *
 * @throws {Fault} `invalid` when it is the set folder itself
 */
export function localPlace(
  url: URL,
  exchange: { readonly folder: string; readonly stagingName: string },
): Place {
  const parts = decodeURIComponent(url.pathname)
    .split("/")
    .filter((part) => part !== "");
  if (url.host !== "" || parts.length === 0 || parts.some((part) => part.startsWith(".")))
    throw new Fault("invalid", "pathURI must be file:///FOLDER, below the folder for exports");
  const staging = join(exchange.folder, exchange.stagingName);
  const folder = async () => await insideOf(exchange.folder, parts);
  return {
    fetch: async (name, to, limitBytes, signal) => {
      signal.throwIfAborted();
      const from = join(await folder(), name);
      try {
        await copyChecked(from, to, name, limitBytes);
      } catch (error) {
        throw asFault(error, name);
      }
    },
    preparationFile: async (name) => {
      await mkdir(staging, { recursive: true, mode: 0o700 });
      return join(staging, name);
    },
    store: async (part, name, signal) => {
      try {
        await ensureInside(exchange.folder, parts);
        await flush(part);
        signal.throwIfAborted();
        await rename(part, join(await folder(), name));
      } catch (error) {
        await rm(part, { force: true });
        throw asFault(error, name);
      }
    },
    remove: async (name) => await rm(join(await folder(), name), { force: true }),
  };
}

async function insideOf(root: string, parts: readonly string[]): Promise<string> {
  const wanted = join(await realpath(root), ...parts);
  const found = await realpath(wanted).catch((error: unknown) => {
    throw asFault(error, parts.join("/"));
  });
  if (found !== wanted) throw new Fault("forbidden", "Symbolic links are not followed");
  return found;
}

/** Makes what is missing of a folder, and nothing behind a link. */
async function ensureInside(root: string, parts: readonly string[]): Promise<void> {
  await mkdir(root, { recursive: true });
  let at = await realpath(root);
  for (const [depth, part] of parts.entries()) {
    await mkdir(join(at, part), { recursive: true });
    at = await insideOf(root, parts.slice(0, depth + 1));
  }
}

/** Copies a regular file: nothing else has an end, or is what its name says. Another one may get its name meanwhile. */
async function copyChecked(from: string, to: string, name: string, limitBytes: number): Promise<void> {
  await using file = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stat = await file.stat();
  if (!stat.isFile()) throw new Fault("invalid", `'${name}' is no file`);
  if (stat.size > limitBytes) throw new Fault("invalid", `'${name}' is too large`);
  await copyFile(`/proc/self/fd/${file.fd}`, to, constants.COPYFILE_FICLONE);
}

async function flush(path: string): Promise<void> {
  await using file = await open(path, "r+");
  await file.sync();
}

function asFault(error: unknown, name: string): unknown {
  if (isFullDisk(error)) return new Fault("exhausted", "No space left on device", { cause: error });
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return new Fault("not-found", `There is no '${name}'`, { cause: error });
  if (code === "ELOOP") return new Fault("forbidden", "Symbolic links are not followed", { cause: error });
  return error;
}
