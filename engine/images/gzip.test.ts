import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { gzipped } from "./gzip.ts";
import { hasIgzip } from "./igzip.ts";
import { progressBar } from "./progress-bar.ts";

async function* of(...chunks: readonly Uint8Array[]) {
  yield* chunks;
}

test("gzipped: any bytes come back, and how they came in pieces does not show", async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 2_500_000 }), { maxLength: 5 });
  const levels = fc.constantFrom(undefined, 1, 6);
  await fc.assert(
    fc.asyncProperty(sizes, levels, async (lengths, level) => {
      const chunks = lengths.map((length, index) => Buffer.alloc(length, `piece ${index}`));
      const whole = Buffer.concat(chunks);
      const compressed = Buffer.concat(await Array.fromAsync(gzipped(of(...chunks), level)));
      assert.ok(gunzipSync(compressed).equals(whole));
      assert.ok(Buffer.concat(await Array.fromAsync(gzipped(of(whole), level))).equals(compressed));
    }),
    { numRuns: 10 },
  );
});

test("gzipped: the source's own error is passed on", async () => {
  async function* broken() {
    yield Buffer.alloc(3_000_000);
    throw new Error("disk");
  }
  for (const level of [undefined, 1]) await assert.rejects(Array.fromAsync(gzipped(broken(), level)), /disk/);
});

test("gzipped: who has enough of it leaves no process behind", {
  skip: hasIgzip() ? false : "no igzip",
}, async () => {
  async function* endless() {
    for (;;) yield randomBytes(1 << 20);
  }
  let bytes = 0;
  for await (const chunk of gzipped(endless())) if ((bytes += chunk.length) > 3 << 20) break;
  assert.equal(readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim(), "");
});

test("progressBar: as Docker draws it", () => {
  assert.equal(progressBar(55808, 3526308), `[>${" ".repeat(50)}]  55.81kB/3.526MB`);
  assert.equal(progressBar(1326080, 3526308), `[${"=".repeat(18)}>${" ".repeat(32)}]  1.326MB/3.526MB`);
  assert.equal(progressBar(3676160, 3526308), `[${"=".repeat(50)}>]  3.676MB`);
  assert.equal(progressBar(12, 0), "     12B");
});
