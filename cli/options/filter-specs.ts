import { Fault } from "#base/fault.ts";
import type { Filters } from "#client/docker-api.ts";
import { list } from "../flags.ts";

function checkFilter(spec: string): void {
  if (!spec.includes("=")) throw new Fault("invalid", "bad format of filter (expected name=value)");
}

/** The `--filter` flag. */
export function filterFlag(help = "Show only what matches, KEY=VALUE", short?: string) {
  return list("filter", help, short, { check: checkFilter });
}

/** Filters as the API takes them: keys in small letters, values collected. */
export function parseFilterSpecs(specs: readonly string[]): Filters {
  const filters: Record<string, string[]> = {};
  for (const spec of specs) {
    const equals = spec.indexOf("=");
    const key = spec.slice(0, equals).trim().toLowerCase();
    const values = (filters[key] ??= []);
    const value = spec.slice(equals + 1).trim();
    if (!values.includes(value)) values.push(value);
  }
  return filters;
}
