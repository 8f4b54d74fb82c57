import { lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { connect } from "node:net";

/** Where Docker's tools look when they are told nothing. */
export const usualSocket = "/var/run/docker.sock";

/**
 * Makes `path` a link to `target` unless it belongs to somebody: a live socket, or a file that is not a socket. What a dead
 * daemon left is replaced. Resolves to whether the link is there.
 */
export async function linkSocket(path: string, target: string): Promise<boolean> {
  const before = lstatSync(path, { throwIfNoEntry: false });
  if (before?.isSymbolicLink() && readlinkSync(path) === target) return true;
  if (before !== undefined && !before.isSymbolicLink() && !before.isSocket()) return false;
  if (before !== undefined && (await isServed(path))) return false;
  const temporary = `${path}.gantry-${process.pid}`;
  try {
    symlinkSync(target, temporary);
    renameSync(temporary, path);
    return true;
  } catch (error) {
    rmSync(temporary, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EACCES" || code === "EROFS" || code === "ENOENT") return false;
    throw error;
  }
}

/** Removes the link if it is ours. */
export function unlinkSocket(path: string, target: string): void {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  if (readlinkSync(path) === target) rmSync(path, { force: true });
}

function isServed(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once("connect", () => resolve(true));
  socket.once("error", (error: NodeJS.ErrnoException) =>
    resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
  );
  return promise.finally(() => socket.destroy());
}
