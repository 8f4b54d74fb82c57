import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { silentLog } from "#base/log.ts";
import { keyOf, revisionOf } from "#orchestrator/storage/change-feed.ts";
import { SqliteStore } from "#orchestrator/storage/sqlite-store.ts";
import type { Change } from "#orchestrator/storage/store.ts";

interface Told {
  /** By revision: what the change was, as {@link describe} has it. */
  readonly writes: ReadonlyMap<number, string>;
  readonly seen: readonly number[];
  readonly opened: number;
}

/** Kills a writer at random moments, over one file, and looks each time whether all is there that it was told. Returns how much that was. */
export async function killWriters(kills: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-store-kill-"));
  const file = join(folder, "store.db");
  let [newest, acknowledged] = [0, 0];
  try {
    for (let kill = 0; kill < kills; kill++) {
      const told = await runAndKill(file);
      newest = await check(file, told, newest);
      acknowledged += told.writes.size;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return acknowledged;
}

async function runAndKill(file: string): Promise<Told> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, "store-writer.ts"), file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const writes = new Map<number, string>();
  const seen: number[] = [];
  let opened = -1;
  const ended = once(writer, "exit");
  const dieAfter = Math.ceil(Math.random() ** 3 * 2000);
  for await (const line of createInterface({ input: writer.stdout })) {
    const [word = "", revision = "", ...rest] = line.split(" ");
    if (word === "opened") opened = Number(revision);
    else if (word === "seen") seen.push(Number(revision));
    // The last line may have been cut.
    else if (rest.length === 4)
      writes.set(Number(revision), `${word} ${rest.slice(0, word === "put" ? 4 : 1).join(" ")}`);
    if (writes.size >= dieAfter) writer.kill("SIGKILL");
  }
  await ended;
  return { writes, seen, opened };
}

/** Returns the newest revision. */
async function check(file: string, { writes, seen, opened }: Told, before: number): Promise<number> {
  const { signal } = new AbortController();
  await using store = new SqliteStore({ file, log: silentLog, now: () => Date.now() / 1000 });
  const { revision } = await store.get("/", signal);
  assert.ok(opened >= before, `opened at ${opened} after ${before}`);
  assert.ok(
    revision >= Math.max(opened, ...writes.keys()),
    `${revision} is older than what was acknowledged`,
  );
  seen.forEach((one, index) =>
    assert.equal(one, opened + 1 + index, "the watch left one out, or had one twice"),
  );
  const history = await historyOf(store, Math.max(opened, revision - 900), revision);
  for (const [at, change] of history) if (writes.has(at)) assert.equal(change, writes.get(at));
  assert.deepEqual(
    [...history.keys()],
    Array.from({ length: history.size }, (_, index) => revision - history.size + 1 + index),
  );
  return revision;
}

async function historyOf(
  store: SqliteStore,
  after: number,
  until: number,
): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  if (after === until) return found;
  const ended = new AbortController();
  for await (const changes of store.watch("/", after, ended.signal)) {
    for (const change of changes) found.set(revisionOf(change), describe(change));
    if (found.size === until - after) ended.abort();
  }
  return found;
}

function describe(change: Change): string {
  return change.type === "put"
    ? `put ${keyOf(change)} ${Buffer.from(change.entry.value).toString()}`
    : `removed ${keyOf(change)}`;
}
