import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytesFrom } from "./bytes-from.ts";

test("bytesFrom: gives the rest, wherever the pieces end", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.nat(90), async (chunks, offset) => {
      async function* source() {
        yield* chunks;
      }
      const rest = Buffer.concat(await Array.fromAsync(bytesFrom(source(), offset)));
      assert.deepEqual(rest, Buffer.concat(chunks).subarray(offset));
    }),
  );
});
