import { readdirSync } from "node:fs";
import { join } from "node:path";

/** The one that is written. */
export const currentName = "audit.log";

/** `audit-2026-01-01T00-00-00.000Z.log`: what one is called that is put aside then. */
export function rotatedName(at: Date): string {
  return `audit-${at.toISOString().replaceAll(":", "-")}.log`;
}

/** When one was put aside, in milliseconds since 1970. */
export function rotatedMs(name: string): number {
  return Date.parse(name.slice("audit-".length, -".log".length).replace(/T(\d\d)-(\d\d)-/, "T$1:$2:"));
}

/** Names of those that were put aside, the oldest first. */
export function rotatedIn(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => /^audit-[\dTZ.-]+\.log$/.test(name))
    .toSorted();
}

/** All that a folder has of a log, as one log goes on in the next. */
export function auditFilesOf(folder: string): readonly string[] {
  const current = readdirSync(folder).filter((name) => name === currentName);
  return [...rotatedIn(folder), ...current].map((name) => join(folder, name));
}
