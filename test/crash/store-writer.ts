// The one that is killed: writes to a store without end, and says a line for everything that it was told.
import { argv, stdout } from "node:process";
import { silentLog } from "#base/log.ts";
import { revisionOf } from "#orchestrator/storage/change-feed.ts";
import { SqliteStore } from "#orchestrator/storage/sqlite-store.ts";

const [, , file = ""] = argv;
const { signal } = new AbortController();
const store = new SqliteStore({ file, log: silentLog, now: () => Date.now() / 1000 });
const say = (line: string) => stdout.write(`${line}\n`);

async function write(writer: number): Promise<never> {
  for (let turn = 0; ; turn++) {
    const key = `/keys/${writer}/${turn % 5}`;
    const { entry } = await store.get(key, signal);
    const expected = entry?.revision ?? 0;
    const value = Buffer.from(`${writer} ${turn} ${Math.random()}`);
    const removes = turn % 7 === 6 && entry !== undefined;
    const result = removes
      ? await store.delete(key, expected, signal)
      : await store.put({ key, value, expected }, signal);
    if (result.isDone) say(`${removes ? "removed" : "put"} ${result.revision} ${key} ${value.toString()}`);
    if (turn % 50 === 49) await store.compact(Math.max(0, result.revision - 1000), signal);
  }
}

async function watch(): Promise<void> {
  const { revision } = await store.get("/", signal);
  for await (const changes of store.watch("/", revision, signal))
    for (const change of changes) say(`seen ${revisionOf(change)}`);
}

say(`opened ${(await store.get("/", signal)).revision}`);
await Promise.all([watch(), write(1), write(2), write(3)]);
