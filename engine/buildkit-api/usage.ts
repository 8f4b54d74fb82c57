import type { pruneRequest, usageRecord } from "#api/buildkit/control.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { Fault } from "#base/fault.ts";
import type { Builds, CacheEntry } from "#engine/build/build-service.ts";
import { timeOf } from "./progress.ts";

type Record = Partial<MessageOf<typeof usageRecord>>;

/** What clients show of a result. */
const idLength = 25;

/** @throws {Fault} `invalid` for a filter that is none */
export function usageRecords(cache: readonly CacheEntry[], filters: readonly string[]): readonly Record[] {
  const matches = matcher(filters);
  return cache.filter(matches).map(recordOf);
}

function recordOf(entry: CacheEntry): Record {
  return {
    id: entry.key.slice(0, idLength),
    size: entry.bytes,
    createdAt: timeOf(BigInt(Date.parse(entry.created)) * 1_000_000n),
    lastUsedAt: timeOf(BigInt(entry.usedAt) * 1_000_000n),
    usageCount: entry.uses,
    description: entry.description,
    recordType: recordType(entry),
    shared: entry.isInUse,
  };
}

function recordType({ kind }: CacheEntry): string {
  if (kind === "context") return "source.local";
  return kind === "config" ? "internal" : "regular";
}

/** Removes results, and returns what they were. @throws {Fault} `invalid` for a filter that is none */
export async function pruneCache(
  builds: Builds,
  request: MessageOf<typeof pruneRequest>,
  nowMs: number,
): Promise<readonly Record[]> {
  const { filter, all, keepDuration } = request;
  const passes = matcher(filter);
  const before = nowMs - keepDuration / 1e6;
  const keep = newest(builds.cache(), Math.max(request.reservedSpace, request.maxUsedSpace));
  const matches = (entry: CacheEntry) =>
    passes(entry) &&
    !keep.has(entry.key) &&
    (all || !entry.isInUse) &&
    (keepDuration <= 0 || entry.usedAt < before);
  const entries = new Map(builds.cache().map((entry) => [entry.key, entry]));
  const isWhole = all && filter.every((text) => text === "") && keepDuration <= 0;
  const { removed } = await builds.prune(matches, { all: isWhole });
  return removed.flatMap((key) => {
    const entry = entries.get(key);
    return entry === undefined ? [] : [recordOf(entry)];
  });
}

/** Keys of the results that were used last and fit into that many bytes. */
function newest(cache: readonly CacheEntry[], bytes: number): ReadonlySet<string> {
  const kept = new Set<string>();
  let left = bytes;
  for (const entry of bytes > 0 ? cache.toReversed() : []) {
    left -= entry.bytes;
    if (left < 0) break;
    kept.add(entry.key);
  }
  return kept;
}

type Test = (entry: CacheEntry) => boolean;

/** Of filters as containerd has them, one is enough, and all parts of it count: `type==regular,shared==false`. */
function matcher(filters: readonly string[]): Test {
  const given = filters.filter((filter) => filter !== "");
  if (given.length === 0) return () => true;
  const tests = given.map((filter) => filter.split(",").map(testOf));
  return (entry) => tests.some((parts) => parts.every((test) => test(entry)));
}

function testOf(text: string): Test {
  const [, field = "", operator = "", value = ""] =
    /^\s*([a-z]+)\s*(==|!=|~=|=)?\s*(.*?)\s*$/i.exec(text) ?? [];
  const read = fields[field.toLowerCase()];
  if (read === undefined)
    throw new Fault("invalid", `failed to parse prune filters ${JSON.stringify([text])}`);
  if (operator === "") return (entry) => read(entry) !== "" && read(entry) !== "false";
  const wanted = value.replace(/^"(.*)"$/, "$1");
  if (operator === "~=") return (entry) => read(entry).includes(wanted);
  return (entry) => (read(entry) === wanted) === (operator !== "!=");
}

const fields: Readonly<{ [name: string]: ((entry: CacheEntry) => string) | undefined }> = {
  id: ({ key }) => key.slice(0, idLength),
  description: ({ description }) => description,
  type: recordType,
  shared: ({ isInUse }) => String(isInUse),
  private: ({ isInUse }) => String(!isInUse),
  inuse: () => "false",
  mutable: () => "false",
  immutable: () => "true",
};
