import assert from "node:assert/strict";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { keyOf, revisionOf } from "./change-feed.ts";
import type { Change, Entry, Store } from "./store.ts";

// What a store is, in the plainest words: the list of all its changes. Real stores are compared with it.

export type Action =
  | { readonly do: "put" | "delete"; readonly key: string; readonly isStale: boolean }
  | { readonly do: "compact"; readonly share: number }
  | { readonly do: "list"; readonly share: number; readonly limit: number; readonly prefix: string }
  | { readonly do: "reopen" };

const key = fc.constantFrom("/a/1", "/a/2", "/a/3", "/b/1", "/b/2", "/b");
const share = fc.double({ min: 0, max: 1, noNaN: true });

export const actions: fc.Arbitrary<readonly Action[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant("put" as const), key, isStale: fc.boolean() }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("delete" as const), key, isStale: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("compact" as const), share }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("list" as const),
        share,
        limit: fc.integer({ min: 1, max: 4 }),
        prefix: fc.constantFrom("/", "/a/", "/b"),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ do: "reopen" as const }) },
  ),
  { minLength: 5, maxLength: 60 },
);

/** Revisions of a real store may begin anywhere: what is compared counts from there. */
class Model {
  readonly changes: Change[] = [];
  compacted: number;
  readonly start: number;

  constructor(start: number) {
    this.start = start;
    this.compacted = start;
  }

  get newest(): number {
    return this.start + this.changes.length;
  }

  at(revision: number): ReadonlyMap<string, Entry> {
    const entries = new Map<string, Entry>();
    for (const change of this.changes.slice(0, revision - this.start))
      if (change.type === "put") entries.set(change.entry.key, change.entry);
      else entries.delete(change.key);
    return entries;
  }

  put(name: string, value: Uint8Array): void {
    const before = this.at(this.newest).get(name);
    const revision = this.newest + 1;
    const entry = { key: name, value, revision, created: before?.created ?? revision };
    this.changes.push({ type: "put", entry, ...(before && { previous: before }) });
  }

  delete(name: string): void {
    const previous = this.at(this.newest).get(name);
    assert.ok(previous);
    this.changes.push({ type: "delete", key: name, revision: this.newest + 1, previous });
  }
}

/** Does the same to a store and to the model, and compares all that can be seen of both. `reopen` is only called when it is given. */
export async function compareWithModel(
  opened: Store,
  todo: readonly Action[],
  reopen?: () => Promise<Store>,
): Promise<void> {
  const { signal } = new AbortController();
  let store = opened;
  const model = new Model((await store.get("/a/1", signal)).revision);
  for (const [index, action] of todo.entries()) {
    if (action.do === "reopen") store = (await reopen?.()) ?? store;
    else await doBoth(store, model, action, index);
    assert.equal((await store.get("/a/1", signal)).revision, model.newest);
  }
  for (const prefix of ["/", "/a/"]) await compareWatch(store, model, prefix);
}

async function doBoth(
  store: Store,
  model: Model,
  action: Exclude<Action, { readonly do: "reopen" }>,
  index: number,
): Promise<void> {
  const { signal } = new AbortController();
  if (action.do === "compact") {
    const revision = model.start + Math.floor(action.share * model.changes.length);
    model.compacted = Math.max(model.compacted, revision);
    return store.compact(revision, signal);
  }
  if (action.do === "list") return compareList(store, model, action);
  const current = model.at(model.newest).get(action.key);
  const expected = (current?.revision ?? 0) + (action.isStale ? 1 : 0);
  const value = new TextEncoder().encode(`${index}`);
  const result =
    action.do === "put"
      ? await store.put({ key: action.key, value, expected }, signal)
      : await store.delete(action.key, expected, signal);
  const isDone = !action.isStale && (action.do === "put" || current !== undefined);
  assert.equal(result.isDone, isDone);
  if (!result.isDone) assert.deepEqual(plain(result.current), plain(current));
  else if (action.do === "put") model.put(action.key, value);
  else model.delete(action.key);
  assert.equal(result.revision, model.newest);
}

async function compareList(
  store: Store,
  model: Model,
  { share: part, limit, prefix }: Extract<Action, { readonly do: "list" }>,
): Promise<void> {
  const { signal } = new AbortController();
  const at = model.start + Math.floor(part * model.changes.length);
  if (at < model.compacted) {
    await assert.rejects(store.list({ prefix, at }, signal), (error) => isFault(error, "precondition"));
    return;
  }
  const wanted = [...model.at(at).values()]
    .filter((entry) => entry.key.startsWith(prefix))
    .sort((one, other) => (one.key < other.key ? -1 : 1));
  const found: Entry[] = [];
  for (let isMore = true; isMore; ) {
    const after = found.at(-1)?.key;
    const page = await store.list({ prefix, limit, at, ...(after !== undefined && { after }) }, signal);
    found.push(...page.entries);
    assert.equal(page.remaining, wanted.length - found.length);
    isMore = page.remaining > 0;
  }
  assert.deepEqual(found.map(plain), wanted.map(plain));
}

/** From the oldest revision that is left. */
async function compareWatch(store: Store, model: Model, prefix: string): Promise<void> {
  const wanted = model.changes.filter(
    (change) => revisionOf(change) > model.compacted && keyOf(change).startsWith(prefix),
  );
  const ended = new AbortController();
  const found: Change[] = [];
  const watch = store.watch(prefix, model.compacted, ended.signal);
  if (wanted.length === 0) return;
  for await (const changes of watch) {
    found.push(...changes);
    if (found.length >= wanted.length) ended.abort();
  }
  assert.deepEqual(found.map(plainChange), wanted.map(plainChange));
}

const plain = (entry: Entry | undefined) =>
  entry && { ...entry, value: new TextDecoder().decode(entry.value) };

function plainChange(change: Change) {
  return change.type === "put"
    ? { ...change, entry: plain(change.entry), previous: plain(change.previous) }
    : { ...change, previous: plain(change.previous) };
}
