import { Fault } from "#base/fault.ts";

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * The `until` filter of prunes: Unix seconds, RFC 3339 (a day or more), or a Go duration before now. Returns milliseconds since
 * 1970, undefined without a value.
 *
 * @throws {Fault} `invalid` for more than one value or one that is no time
 */
export function parseUntil(values: readonly string[], nowMs: number): number | undefined {
  const [text] = values;
  if (text === undefined) return undefined;
  if (values.length > 1) throw new Fault("invalid", "more than one until filter specified");
  if (/^\d{1,12}(\.\d{1,9})?$/.test(text)) return Number(text) * 1000;
  const duration = findDuration(text);
  if (duration !== undefined) return nowMs - duration;
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new Fault("invalid", `failed to parse value as time or duration: ${JSON.stringify(text)}`);
  return time;
}

/** Milliseconds of `1h30m`, `10s`, `1.5h`. */
function findDuration(text: string): number | undefined {
  if (!/^(\d{1,9}(\.\d{1,9})?(ns|us|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit = ""] of text.matchAll(/([\d.]+)(ns|us|ms|s|m|h)/g))
    total += Number(amount) * (unitMs[unit] ?? 0);
  return total;
}
