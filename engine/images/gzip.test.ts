import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { gzipped } from "./gzip.ts";
import { progressBar } from "./progress-bar.ts";

async function* of(...chunks: readonly Uint8Array[]) {
  yield* chunks;
}

test("gzipped: any bytes come back, and how they came in pieces does not show", async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 2_500_000 }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(sizes, async (lengths) => {
      const chunks = lengths.map((length, index) => Buffer.alloc(length, `piece ${index}`));
      const whole = Buffer.concat(chunks);
      const compressed = Buffer.concat(await Array.fromAsync(gzipped(of(...chunks))));
      assert.ok(gunzipSync(compressed).equals(whole));
      assert.ok(Buffer.concat(await Array.fromAsync(gzipped(of(whole)))).equals(compressed));
    }),
    { numRuns: 10 },
  );
});

test("gzipped: the source's own error is passed on", async () => {
  async function* broken() {
    yield Buffer.alloc(3_000_000);
    throw new Error("disk");
  }
  await assert.rejects(Array.fromAsync(gzipped(broken())), /disk/);
});

test("progressBar: as Docker draws it", () => {
  assert.equal(progressBar(55808, 3526308), `[>${" ".repeat(50)}]  55.81kB/3.526MB`);
  assert.equal(progressBar(1326080, 3526308), `[${"=".repeat(18)}>${" ".repeat(32)}]  1.326MB/3.526MB`);
  assert.equal(progressBar(3676160, 3526308), `[${"=".repeat(50)}>]  3.676MB`);
  assert.equal(progressBar(12, 0), "     12B");
});
