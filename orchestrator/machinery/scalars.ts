import { isFault } from "#base/fault.ts";
import { remembered } from "#base/remembered.ts";
import { DecodeError } from "./decode-error.ts";
import { canonicalQuantity } from "./quantity.ts";

const wholeTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const anyTime = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

/**
 * RFC 3339 in UTC and whole seconds.
 *
 * @throws {DecodeError} in the words of Go's time.Parse
 */
export function normalTime(text: string): string {
  if (wholeTime.test(text) && !Number.isNaN(Date.parse(text))) return text;
  return `${parse(text, "2006-01-02T15:04:05Z07:00").whole}Z`;
}

/** RFC 3339 in UTC with six digits of a second. */
export function normalMicroTime(text: string): string {
  if (microTime.test(text) && !Number.isNaN(Date.parse(text))) return text;
  const { whole, fraction } = parse(text, "2006-01-02T15:04:05.000000Z07:00");
  return `${whole}.${fraction.slice(0, 6).padEnd(6, "0")}Z`;
}

function parse(text: string, layout: string): { readonly whole: string; readonly fraction: string } {
  const [, date = "", clock = "", fraction = "", zone = ""] = anyTime.exec(text) ?? [];
  const at = date === "" ? Number.NaN : Date.parse(`${date}T${clock}${zone}`);
  if (Number.isNaN(at)) {
    throw new DecodeError(
      `parsing time ${JSON.stringify(text)} as "${layout}": cannot parse ${JSON.stringify(text)} as "2006"`,
    );
  }
  return { whole: new Date(at).toISOString().slice(0, 19), fraction };
}

/** Amounts come in few forms: the last ones are remembered. */
const rememberedCanonical = remembered(1000, canonical);
const longestKnown = 29;

/** The canonical form of an amount; a number is one too. */
export function normalQuantity(value: unknown): string {
  if (typeof value !== "string" && typeof value !== "number") throw new DecodeError(noQuantity);
  const text = String(value);
  return text.length > longestKnown ? canonical(text) : rememberedCanonical(text);
}

const noQuantity =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

function canonical(text: string): string {
  try {
    return canonicalQuantity(text);
  } catch (error) {
    throw new DecodeError(isFault(error) ? error.message : noQuantity);
  }
}

/** Standard base64, without the line breaks that Go's decoder skips. */
export function normalBytes(text: string): string {
  const bare = text.includes("\n") || text.includes("\r") ? text.replaceAll(/[\r\n]/g, "") : text;
  if (bare.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(bare)) return bare;
  const wrong = bare.search(/[^A-Za-z0-9+/]/);
  throw new DecodeError(`illegal base64 data at input byte ${wrong < 0 ? bare.length : wrong}`);
}
