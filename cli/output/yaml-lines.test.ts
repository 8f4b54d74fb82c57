import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseYaml } from "#orchestrator/machinery/yaml-body.ts";
import { toKubeYaml } from "./yaml-lines.ts";

const long =
  "a line that is so long that it has to be folded at a blank somewhere behind the eightieth column, as it is here";

test("toKubeYaml: keys in natural order, lists as far left as their key, long lines folded", () => {
  const value = { a10: "x", a2: ["-", { b: null, c: [] }], text: "one\ntwo\n", long, yes: "yes", empty: {} };
  assert.equal(
    toKubeYaml(value),
    [
      "a2:",
      "- '-'",
      "- b: null",
      "  c: []",
      "a10: x",
      "empty: {}",
      "long: a line that is so long that it has to be folded at a blank somewhere behind",
      "  the eightieth column, as it is here",
      "text: |",
      "  one",
      "  two",
      '"yes": "yes"',
      "",
    ].join("\n"),
  );
});

test("toKubeYaml: what was written is read", () => {
  const words = fc.array(fc.string({ maxLength: 12 }), { maxLength: 20 }).map((all) => all.join(" "));
  const letters = fc.string({ unit: "grapheme-ascii", maxLength: 30 });
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      words,
      letters,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(letters, tie("value"), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).value;
  fc.assert(
    fc.property(fc.dictionary(letters, json, { minKeys: 1, maxKeys: 4, noNullPrototype: true }), (value) => {
      assert.deepEqual(parseYaml(toKubeYaml(value)).value, value);
    }),
  );
});
