import { nanosecondsIn, parseDuration } from "#base/duration.ts";
import { Fault } from "#base/fault.ts";

const units = { ...nanosecondsIn, μs: 1e3, d: 86_400e9, w: 604_800e9 };

/**
 * Parses a duration such as `1m30s`, `1.5h` or `2d`, in nanoseconds.
 *
 * @throws {Fault} `invalid` in the words of Go's time package
 */
export function parseComposeDuration(text: string): number {
  return parseDuration(text, units);
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
