import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { formatCacheConfig, formatInlineCache, parseCacheConfig, parseInlineCache } from "./cache-config.ts";

const record = fc.record(
  { digest: fc.string(), layer: fc.nat(9), created: fc.string() },
  { requiredKeys: ["digest"], noNullPrototype: true },
);
const layer = fc.record({ blob: fc.string(), parent: fc.constant(-1) }, { noNullPrototype: true });

test("parseCacheConfig: reads what formatCacheConfig writes", () => {
  fc.assert(
    fc.property(fc.array(layer), fc.array(record), (layers, records) => {
      const config = { layers, records };
      assert.deepEqual(parseCacheConfig(Buffer.from(formatCacheConfig(config))), config);
      assert.deepEqual(parseInlineCache(formatInlineCache(records)), records);
    }),
  );
});

test("parseCacheConfig: BuildKit's own records, and an index that Go leaves out because it is 0", () => {
  const text = JSON.stringify({
    layers: [{ blob: "sha256:a", parent: -1 }, { blob: "sha256:b" }],
    records: [
      { digest: "sha256:1", inputs: [[{ link: 2, selector: "sha256:x" }]] },
      { digest: "sha256:2", layers: [{ createdAt: "2026-01-01T00:00:00Z" }], inputs: null },
    ],
  });
  assert.deepEqual(parseCacheConfig(Buffer.from(text)), {
    layers: [
      { blob: "sha256:a", parent: -1 },
      { blob: "sha256:b", parent: 0 },
    ],
    records: [{ digest: "sha256:1" }, { digest: "sha256:2", layer: 0, created: "2026-01-01T00:00:00Z" }],
  });
});

test("parseCacheConfig: anything else is refused, and nothing but that happens", () => {
  for (const text of [
    "",
    "[]",
    '{"layers":{}}',
    '{"layers":[{"blob":"a","parent":0}]}',
    '{"layers":[{"blob":"a","parent":"x"}]}',
    '{"records":[{"layers":[{"layer":-1}]}]}',
  ])
    assert.throws(
      () => parseCacheConfig(Buffer.from(text)),
      (error) => isFault(error, "invalid"),
      text,
    );
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        parseCacheConfig(Buffer.from(text));
      } catch (error) {
        assert.ok(isFault(error, "invalid"));
      }
    }),
  );
});
