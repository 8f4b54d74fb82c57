import { Fault } from "./fault.ts";

/** Units of Go's durations. */
export const nanosecondsIn: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * A length of time in Go's form, in nanoseconds: `1m30s`, `-1.5h`.
 *
 * @param units what else than Go's own units is known
 * @throws {Fault} `invalid` with the texts of Go's time package
 */
export function parseDuration(text: string, units = nanosecondsIn): number {
  const shown = JSON.stringify(text);
  const bad = () => new Fault("invalid", `time: invalid duration ${shown}`);
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0;
  if (rest === "") throw bad();
  let total = 0;
  let at = 0;
  while (at < rest.length) {
    const [whole, number = "", unit = ""] = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest.slice(at)) ?? [];
    if (whole === undefined) throw bad();
    if (unit === "") throw new Fault("invalid", `time: missing unit in duration ${shown}`);
    const size = Object.hasOwn(units, unit) ? units[unit] : undefined;
    if (size === undefined)
      throw new Fault("invalid", `time: unknown unit ${JSON.stringify(unit)} in duration ${shown}`);
    total += Number(number) * size;
    at += whole.length;
  }
  return Math.round(sign === "-" ? -total : total);
}

/** Nanoseconds as Go writes a duration: `700ms`, `1m30s`, `1.5µs`; `0s` for none. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds < 0) return `-${formatDuration(-nanoseconds)}`;
  if (nanoseconds === 0) return "0s";
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const minutes = Math.floor(nanoseconds / 60e9);
  const seconds = `${(nanoseconds - minutes * 60e9) / 1e9}s`;
  if (minutes === 0) return seconds;
  const hours = Math.floor(minutes / 60);
  return `${hours === 0 ? "" : `${hours}h`}${minutes % 60}m${seconds}`;
}
