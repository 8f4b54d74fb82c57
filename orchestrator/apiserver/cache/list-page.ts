import { isFault } from "#base/fault.ts";
import { failure, StatusError } from "#api/kube/status.ts";
import type { KubeObject } from "#api/kube/meta.ts";
import type { Revision } from "#orchestrator/storage/store.ts";
import { CachedObject, keyPrefix, parseStoreKey } from "./cached-object.ts";
import { formatContinue, parseContinue } from "./continue-token.ts";
import type { ObjectCache } from "./object-cache.ts";

export interface ListRequest {
  readonly place: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly matches?: (object: KubeObject) => boolean;
  /** What `matches` has to wait for. */
  readonly prepare?: (all: readonly CachedObject[]) => Promise<void>;
  readonly limit?: number;
  readonly continue?: string;
  /** `exact`: as it was then; `at-least`: as it is, when it is no older; absent: as it is. */
  readonly version?: { readonly is: "exact" | "at-least"; readonly revision: Revision };
}

export interface ListResult {
  readonly revision: Revision;
  readonly items: readonly CachedObject[];
  readonly continue?: string;
  /** Absent with a selector: nobody has counted. */
  readonly remaining?: number;
}

const waitForRevisionMs = 3000;
/** Entries of the past that are read in one go. */
const pageMost = 500;

/**
 * A list, or a page of one: all pages of a list are as of the same revision.
 *
 * @throws {StatusError} `Expired` for a revision that is forgotten, `Timeout` for one that has not come, `BadRequest`
 */
export async function listPage(
  cache: ObjectCache,
  request: ListRequest,
  signal: AbortSignal,
): Promise<ListResult> {
  const { continue: token, version, place } = request;
  const from = token === undefined ? undefined : parseContinue(token);
  const now = await positionFor(cache, from?.revision ?? version?.revision, signal);
  const exact = from === undefined ? exactOf(version) : from.revision === -1 ? undefined : from.revision;
  // What has not changed since is as it was.
  if (exact === undefined || exact >= cache.resource(place).changed)
    return await pageNow(cache, request, exact ?? now, from?.after);
  return await pageThen(cache, request, exact, from?.after ?? "", signal);
}

/** Resolves when a revision can be seen. @throws {StatusError} `Timeout` when it does not come within three seconds */
export async function positionFor(
  cache: ObjectCache,
  revision: Revision | undefined,
  signal: AbortSignal,
): Promise<Revision> {
  const now = revision === 0 ? cache.position : await cache.fresh(signal);
  if (revision === undefined || revision <= now) return cache.position;
  const timeout = AbortSignal.timeout(waitForRevisionMs);
  try {
    await cache.reached(revision, AbortSignal.any([signal, timeout]));
  } catch (error) {
    if (!timeout.aborted || signal.aborted) throw error;
    throw tooLarge(revision, cache.position);
  }
  return cache.position;
}

function exactOf(version: ListRequest["version"]): Revision | undefined {
  return version?.is === "exact" ? version.revision : undefined;
}

async function pageNow(
  cache: ObjectCache,
  request: ListRequest,
  revision: Revision,
  after: string | undefined,
): Promise<ListResult> {
  const { place, namespace, name, matches, prepare, limit = 0 } = request;
  const resource = cache.resource(place);
  const all =
    name !== undefined && namespace !== undefined
      ? [resource.find(namespace, name)].filter((one) => one !== undefined)
      : resource.list(namespace);
  if (limit === 0 && after === undefined && matches === undefined && name === undefined)
    return { revision, items: all };
  if (matches !== undefined) await prepare?.(all);
  const items: CachedObject[] = [];
  const start = after === undefined ? 0 : firstBehind(all, after, namespace);
  for (let at = start; at < all.length; at++) {
    const one = all[at];
    if (one === undefined || !isSeen(one, name, matches)) continue;
    if (limit > 0 && items.length === limit) {
      const isCounted = matches === undefined && name === undefined;
      return pageOf(revision, items, namespace, isCounted ? all.length - at : undefined);
    }
    items.push(one);
  }
  return { revision, items };
}

async function pageThen(
  cache: ObjectCache,
  request: ListRequest,
  at: Revision,
  start: string,
  signal: AbortSignal,
): Promise<ListResult> {
  const { place, namespace, name, matches, prepare, limit = 0 } = request;
  const prefix = keyPrefix(place, namespace);
  const isCounted = matches === undefined && name === undefined;
  const items: CachedObject[] = [];
  let after = start === "" ? undefined : prefix + start;
  for (;;) {
    // One more than asked for tells whether there is more.
    const most = limit === 0 ? pageMost : isCounted ? limit : pageMost;
    const page = await readThen(cache, { prefix, at, limit: most, after }, signal);
    const objects = page.entries.map((entry) => {
      const key = parseStoreKey(entry.key);
      return key && new CachedObject(key, entry.value, entry.revision);
    });
    if (matches !== undefined) await prepare?.(objects.filter((one) => one !== undefined));
    for (const [index, object] of objects.entries()) {
      after = page.entries[index]?.key ?? after;
      if (object === undefined || !isSeen(object, name, matches)) continue;
      items.push(object);
      if (items.length !== limit) continue;
      const left = page.entries.length - index - 1 + page.remaining;
      if (left === 0) return { revision: at, items };
      return pageOf(at, items, namespace, isCounted ? left : undefined);
    }
    if (page.remaining === 0) return { revision: at, items };
  }
}

async function readThen(
  cache: ObjectCache,
  { prefix, at, limit, after }: { prefix: string; at: Revision; limit: number; after: string | undefined },
  signal: AbortSignal,
) {
  try {
    return await cache.store.list({ prefix, at, limit, ...(after !== undefined && { after }) }, signal);
  } catch (error) {
    if (!isFault(error, "precondition")) throw error;
    if (after === undefined)
      throw failure("Expired", `The resourceVersion for the provided list is too old.`);
    throw expired(after.slice(prefix.length));
  }
}

function pageOf(
  revision: Revision,
  items: readonly CachedObject[],
  namespace: string | undefined,
  remaining: number | undefined,
): ListResult {
  const last = items.at(-1);
  const after = last === undefined ? "" : relativeKey(last, namespace);
  return {
    revision,
    items,
    continue: formatContinue({ revision, after }),
    ...(remaining !== undefined && { remaining }),
  };
}

function relativeKey({ key }: CachedObject, namespace: string | undefined): string {
  return namespace === undefined && key.namespace !== undefined ? `${key.namespace}/${key.name}` : key.name;
}

function firstBehind(all: readonly CachedObject[], after: string, namespace: string | undefined): number {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const one = all[middle];
    if (one !== undefined && relativeKey(one, namespace) <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isSeen(object: CachedObject, name: string | undefined, matches: ListRequest["matches"]): boolean {
  return (
    (name === undefined || object.key.name === name) && (matches === undefined || matches(object.object))
  );
}

/** The token in it goes on with what there is by then. */
function expired(after: string): StatusError {
  const message =
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without " +
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. " +
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or " +
    "deleted between the time the first chunk was returned and now may show up in the list.";
  const { status } = failure("Expired", message);
  return new StatusError({ ...status, metadata: { continue: formatContinue({ revision: -1, after }) } });
}

export function tooLarge(asked: Revision, current: Revision): StatusError {
  const message = `Too large resource version: ${asked}, current: ${current}`;
  return failure("Timeout", message, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}
