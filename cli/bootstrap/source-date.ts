import { Fault } from "#base/fault.ts";

/**
 * Seconds since 1970 of SOURCE_DATE_EPOCH; undefined when it is not set.
 *
 * @throws {Fault} `invalid` for one that is no number
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export function parseSourceDate(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,11}$/.test(text))
    throw new Fault("invalid", `SOURCE_DATE_EPOCH is '${text}': it must be seconds since 1970`);
  return Number(text);
}
