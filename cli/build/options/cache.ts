import { csvFields, csvPairs } from "./csv-fields.ts";
import { badOption } from "./bad-option.ts";

export interface CacheEntry {
  readonly type: string;
  readonly attrs: ReadonlyMap<string, string>;
}

/** A place that a cache comes from or goes to: `user/app:cache`, `type=local,src=path`. @throws {Fault} `invalid` with buildx's texts */
export function parseCacheEntry(spec: string): CacheEntry {
  const fields = csvFields(spec);
  if (fields.every((field) => !field.includes("=")))
    return { type: "registry", attrs: new Map([["ref", fields[0] ?? ""]]) };
  const pairs = csvPairs(spec, (field) => badOption(`invalid value ${field}`));
  const attrs = new Map(pairs);
  const type = attrs.get("type") ?? "";
  attrs.delete("type");
  if (type === "") throw badOption(`type required form> ${JSON.stringify(spec)}`);
  return { type, attrs };
}
