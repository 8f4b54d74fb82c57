import { Fault } from "#base/fault.ts";
import { parseParagraphs } from "#engine/sbom/control.ts";

/** A file that a release lists. */
export interface ReleaseEntry {
  readonly path: string;
  readonly size: number;
  /** SHA-256 in hex. */
  readonly hash: string;
}

/** What a suite's Release says of itself. */
export interface ReleaseFile {
  /** Milliseconds since 1970. */
  readonly date: number;
  readonly validUntil?: number;
  readonly codename: string;
  readonly suite: string;
  readonly hasByHash: boolean;
  readonly entries: ReadonlyMap<string, ReleaseEntry>;
}

/**
 * Reads a Release file.
 *
 * @throws {Fault} `invalid` for one without a date or without SHA-256 sums
 * @see https://wiki.debian.org/DebianRepository/Format
 */
export function parseReleaseFile(text: string): ReleaseFile {
  const [fields] = parseParagraphs(text);
  const date = timeOf(fields?.get("date"));
  const sums = fields?.get("sha256");
  if (date === undefined || sums === undefined)
    throw new Fault("invalid", "a Release file without a date or SHA-256 sums");
  const entries = new Map<string, ReleaseEntry>();
  for (const line of sums.split("\n")) {
    const [, hash, size, path] = /^\s*([0-9a-f]{64})\s+(\d{1,12})\s+(\S+)\s*$/.exec(line) ?? [];
    if (hash !== undefined && path !== undefined) entries.set(path, { path, size: Number(size), hash });
  }
  const validUntil = timeOf(fields?.get("valid-until"));
  return {
    date,
    ...(validUntil !== undefined && { validUntil }),
    codename: fields?.get("codename") ?? "",
    suite: fields?.get("suite") ?? "",
    hasByHash: fields?.get("acquire-by-hash") === "yes",
    entries,
  };
}

/** `Sat, 11 Jul 2026 10:16:37 UTC`; hours may lack their zero. */
function timeOf(text: string | undefined): number | undefined {
  const ms = Date.parse((text ?? "").replaceAll(/ +/g, " "));
  return Number.isNaN(ms) ? undefined : ms;
}

const day = 86_400_000;
/** How old an index of security updates may be whose archive sets no limit of its own. */
const MAX_AGE_MS = 14 * day;
/** Clocks differ. */
const SKEW_MS = day;

/**
 * Why the index says nothing about today; undefined when it does. Suites that change with point releases only set no limit and may
 * be old; one of security updates may not.
 */
export function stalenessOf(
  { date, validUntil }: Pick<ReleaseFile, "date" | "validUntil">,
  isSecurity: boolean,
  now: number,
): string | undefined {
  if (date > now + SKEW_MS) return `its date is in the future: ${shown(date)}`;
  const until = validUntil ?? (isSecurity ? date + MAX_AGE_MS : undefined);
  return until !== undefined && until < now ? `it was valid until ${shown(until)}` : undefined;
}

function shown(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
