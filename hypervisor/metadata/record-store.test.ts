import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { RecordStore, type StoredRecord } from "./record-store.ts";

interface Counter extends StoredRecord {
  readonly value: number;
}

test("RecordStore: changes come after one another, keep their order and survive", async () => {
  const folder = mkdtempSync(join(tmpdir(), "records-"));
  try {
    {
      using store = new RecordStore(join(folder, "state.db"));
      await store.change((changes) => {
        for (const uuid of ["b", "a", "c"]) changes.put("counter", { uuid, value: 0 } as Counter);
      });
      const count = () =>
        store.change((changes) => {
          const value = (store.find<Counter>("counter", "a")?.value ?? 0) + 1;
          changes.put("counter", { uuid: "a", value } as Counter);
        });
      await Promise.all(Array.from({ length: 20 }, count));
      await store.change((changes) => changes.remove("counter", "b"));
    }
    using again = new RecordStore(join(folder, "state.db"));
    assert.deepEqual(again.list("counter"), [
      { uuid: "a", value: 20 },
      { uuid: "c", value: 0 },
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("RecordStore: a plan that throws changes nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "records-"));
  try {
    using store = new RecordStore(join(folder, "state.db"));
    const failed = store.change((changes) => {
      changes.put("counter", { uuid: "a" });
      throw new Error("no");
    });
    await assert.rejects(failed, /^Error: no$/);
    assert.deepEqual(store.list("counter"), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
