import { Fault } from "#base/fault.ts";
import { parseComposeDuration } from "../load/quantities.ts";

/** A time as the API takes it: a duration counts back from now, what has digits alone is in seconds, the rest is a date. */
export function sinceTime(text: string | undefined, now: Date): string | undefined {
  if (text === undefined || /^\d+(\.\d+)?$/.test(text)) return text;
  if (/^[\d.]+(ns|us|µs|ms|s|m|h)/.test(text))
    return String((now.getTime() - parseComposeDuration(text) / 1e6) / 1000);
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new Fault("invalid", `invalid value for time: ${text}`);
  const [, fraction = ""] = /\.(\d+)/.exec(text) ?? [];
  return `${Math.floor(time / 1000)}.${fraction.padEnd(9, "0").slice(0, 9)}`;
}
