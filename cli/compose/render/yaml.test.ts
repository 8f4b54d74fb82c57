import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { load } from "js-yaml";
import { compareNaturally } from "../../output/natural-order.ts";
import { toYaml } from "./yaml.ts";

test("toYaml: any text comes back from a YAML reader as it was", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("a\n b", "\n", "a\n\n", " a", "a: b", "- a", "~", "0x1"),
  );
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string({ minLength: 1 }).filter((key) => key !== "__proto__"),
        text,
      ),
      (values) => {
        const written = toYaml(new Map(Object.entries({ ...values, end: "x" })));
        assert.deepEqual(load(written), { ...values, end: "x" });
      },
    ),
  );
});

test("compareNaturally: numbers by value, letters last", () => {
  assert.deepEqual(["a10", "a2", "b", "~", "A"].sort(compareNaturally), ["~", "A", "a2", "a10", "b"]);
});
