import { refusal } from "./refusal.ts";

/** A part of a list: at most `count` entries, after the entry `after`. */
export interface Page {
  readonly count: number;
  readonly after: string;
}

/**
 * Reads `n` and `last` of a query.
 *
 * @param mostEntries how many one answer may have, and has when the query does not say
 * @throws {Fault} `PAGINATION_NUMBER_INVALID` for an `n` that is no count
 * @see OCI distribution-spec v1.1.1, listing tags
 */
export function parsePage(query: URLSearchParams, mostEntries: number): Page {
  const n = query.get("n");
  if (n !== null && !/^\d{1,15}$/.test(n))
    throw refusal("PAGINATION_NUMBER_INVALID", `invalid number of results requested: ${n.slice(0, 100)}`);
  const count = n === null ? mostEntries : Math.min(Number(n), mostEntries);
  return { count, after: query.get("last") ?? "" };
}

/** The `Link` header that leads to the next page. @see RFC 5988 */
export function nextLink(path: string, parameters: Readonly<Record<string, string>>): string {
  return `<${path}?${new URLSearchParams(parameters).toString()}>; rel="next"`;
}
