import { Fault } from "#base/fault.ts";

const unitsNs: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
  d: 86_400e9,
  w: 604_800e9,
};

/**
 * Parses a duration such as `1m30s`, `1.5h` or `2d`, in nanoseconds.
 *
 * @throws {Fault} `invalid` in the words of Go's time package
 */
export function parseDuration(text: string): number {
  const [, sign = "", rest = ""] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0;
  const bad = () => new Fault("invalid", `time: invalid duration ${JSON.stringify(text)}`);
  if (rest === "") throw bad();
  let total = 0;
  let at = 0;
  while (at < rest.length) {
    const [whole = "", number = "", unit = ""] = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest.slice(at)) ?? [];
    if (whole === "") throw bad();
    const shown = JSON.stringify(text);
    if (unit === "") throw new Fault("invalid", `time: missing unit in duration ${shown}`);
    const factor = unitsNs[unit];
    if (factor === undefined)
      throw new Fault("invalid", `time: unknown unit ${JSON.stringify(unit)} in duration ${shown}`);
    total += Math.round(Number(number) * factor);
    at += whole.length;
  }
  return sign === "-" ? -total : total;
}

/** Nanoseconds as Go prints a duration: `1m30s`, `1.5s`, `200ms`. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  const sign = nanoseconds < 0 ? "-" : "";
  const ns = Math.abs(nanoseconds);
  if (ns < 1e3) return `${sign}${ns}ns`;
  if (ns < 1e6) return `${sign}${ns / 1e3}µs`;
  if (ns < 1e9) return `${sign}${ns / 1e6}ms`;
  const minutes = Math.floor(ns / 60e9);
  const seconds = `${(ns - minutes * 60e9) / 1e9}s`;
  if (minutes === 0) return sign + seconds;
  const hours = Math.floor(minutes / 60);
  return `${sign}${hours === 0 ? "" : `${hours}h`}${minutes % 60}m${seconds}`;
}

/**
 * Parses an amount of memory such as `64m`, `1.5g` or `1024`, in bytes; units are powers of 1024.
 *
 * @throws {Fault} `invalid`
 */
export function parseBytes(text: string): number {
  const [, number, suffix = ""] = /^(-?\d+(?:\.\d+)?)\s*(.*)$/.exec(text) ?? [];
  if (number === undefined) throw new Fault("invalid", `invalid size: '${text}'`);
  const [, letter] = /^([kmgtp]?)(?:i?b)?$/i.exec(suffix) ?? [];
  if (letter === undefined) throw new Fault("invalid", `invalid suffix: '${suffix}'`);
  const power = letter === "" ? 0 : "kmgtp".indexOf(letter.toLowerCase()) + 1;
  return Math.floor(Number(number) * 1024 ** power);
}
