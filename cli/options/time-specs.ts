import { Fault } from "#base/fault.ts";
import { parseDuration } from "#base/duration.ts";

/**
 * A time as `--since` and `--until` take it, as seconds with a fraction for the API: a length of time before now, RFC 3339, a date,
 * or seconds since 1970.
 *
 * @throws {Fault} `invalid` with Docker's texts
 */
export function timestampOf(text: string, now: Date): string {
  try {
    const nanoseconds = BigInt(now.getTime()) * 1_000_000n - BigInt(parseDuration(text));
    return inSeconds(nanoseconds);
  } catch {
    // not a length of time
  }
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}(?::\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?))?(Z|[+-]\d{2}:\d{2})?$/.exec(text);
  if (match === null) {
    if (/^-?\d+(\.\d+)?$/.test(text)) return text;
    throw new Fault("invalid", `failed to parse value as time or duration: ${JSON.stringify(text)}`);
  }
  const [, date = "", clock = "00:00:00", zone = ""] = match;
  const [hours = "00", minutes = "00", secondsText = "00"] = clock.split(":");
  const [seconds = "00", fraction = ""] = secondsText.split(".");
  const parsed = Date.parse(`${date}T${hours}:${minutes}:${seconds}${zone}`);
  if (Number.isNaN(parsed)) throw new Fault("invalid", `parsing time ${JSON.stringify(text)}: out of range`);
  return `${Math.floor(parsed / 1000)}.${fraction.padEnd(9, "0")}`;
}

function inSeconds(nanoseconds: bigint): string {
  return `${nanoseconds / 1_000_000_000n}.${String(nanoseconds % 1_000_000_000n).padStart(9, "0")}`;
}
