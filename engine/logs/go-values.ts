import { parseDuration } from "#base/duration.ts";
import { Fault } from "#base/fault.ts";
import { findBool } from "#base/go-bool.ts";

// Values of log options, read as dockerd reads them, with its texts.

/** @throws {Fault} `invalid` with the text of Go's strconv.ParseBool */
export function parseBool(text: string): boolean {
  const value = findBool(text);
  if (value !== undefined) return value;
  throw new Fault("invalid", `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** @throws {Fault} `invalid` with the text of Go's strconv.Atoi */
export function parseInteger(text: string): number {
  if (/^[+-]?\d{1,15}$/.test(text)) return Number(text);
  throw new Fault("invalid", `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
}

const exponents: Readonly<Record<string, number>> = { "": 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/**
 * `10m` as bytes; `base` is what a k means. Docker's rotation counts in 1000s, its buffers in 1024s.
 *
 * @throws {Fault} `invalid`
 */
export function parseSize(text: string, base: 1000 | 1024): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])i?b?|b)?$/i.exec(text) ?? [];
  if (number === undefined) throw new Fault("invalid", `invalid size: '${text}'`);
  return Math.floor(Number(number) * base ** (exponents[unit.toLowerCase()] ?? 0));
}

/** `1m30s` as milliseconds. @throws {Fault} `invalid` with the text of Go's time.ParseDuration */
export function parseDurationMs(text: string): number {
  return parseDuration(text) / 1e6;
}

/** A regular expression of the kinds that Go and JavaScript share. @throws {Fault} `invalid` */
export function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch {
    const missing = text.includes("[") && !text.includes("]") ? "]" : ")";
    throw new Fault("invalid", `error parsing regexp: missing closing ${missing}: \`${text}\``);
  }
}
