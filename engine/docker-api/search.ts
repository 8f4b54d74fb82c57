import { booleanFilter, parseFilters, valuesFor } from "#api/docker/filters.ts";
import { Fault } from "#base/fault.ts";
import type { Distribution } from "#engine/images/distribution.ts";
import type { Credentials } from "#engine/registry/credentials.ts";
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";

const usualLimit = 25;
const maxLimit = 100;

/** @see Docker Engine API v1.51, GET /images/search */
export async function searchAnswer(
  distribution: Distribution,
  { query, signal }: Call,
  credentials: Credentials,
): Promise<Answer> {
  const limit = limitIn(query.text("limit"));
  const filters = parseFilters(query.find("filters"), ["is-automated", "is-official", "stars"]);
  // No index says of anything any more that it is.
  const isAutomated = booleanFilter(filters, "is-automated");
  const isOfficial = booleanFilter(filters, "is-official");
  const stars = Math.max(0, ...valuesFor(filters, "stars").map(starsIn));
  const found = await distribution.search(query.text("term"), limit, credentials, signal);
  const passing = found.filter(
    (each) =>
      isAutomated !== true && each.stars >= stars && (isOfficial ?? each.isOfficial) === each.isOfficial,
  );
  return json(
    passing.map((each) => ({
      star_count: each.stars,
      is_official: each.isOfficial,
      name: each.name,
      is_automated: false,
      description: each.description,
    })),
  );
}

function limitIn(text: string): number {
  const limit = text === "" ? usualLimit : intIn(text, "invalid limit specified: ");
  if (limit < 0 || limit > maxLimit)
    throw new Fault("invalid", `limit ${limit} is outside the range of [1, ${maxLimit}]`);
  return limit === 0 ? usualLimit : limit;
}

function starsIn(text: string): number {
  return intIn(text, `invalid filter 'stars=${text}': `);
}

function intIn(text: string, prefix: string): number {
  if (/^[+-]?\d{1,15}$/.test(text)) return Number(text);
  throw new Fault("invalid", `${prefix}strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
}
