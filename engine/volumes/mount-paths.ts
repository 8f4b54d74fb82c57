import { posix } from "node:path";
import { Fault } from "#base/fault.ts";

/** As Go's path.Clean: no `.`, `..`, doubled or trailing slash. */
export function cleanPath(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}

/** The cleaned form of a place in a container. @throws {Fault} `invalid` with Docker's text when it is `/`, relative or empty */
export function parseDestination(path: string): string {
  const clean = cleanPath(path);
  if (clean === "/") throw new Fault("invalid", "invalid specification: destination can't be '/'");
  checkAbsolute(path);
  return clean;
}

/** @throws {Fault} `invalid` with Docker's text */
export function checkAbsolute(path: string): void {
  if (!path.startsWith("/") || path.includes("\0"))
    throw new Fault("invalid", `invalid mount path: '${path}' mount path must be absolute`);
}

/** Whether a path stays below the folder that it is relative to, by its text alone; as Go's filepath.IsLocal. */
export function isLocalPath(path: string): boolean {
  if (path === "" || path.startsWith("/") || path.includes("\0")) return false;
  const clean = cleanPath(path);
  return clean !== ".." && !clean.startsWith("../");
}
