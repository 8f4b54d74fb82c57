import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import fc from "fast-check";
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  milliUnits,
  parseQuantity,
  subtractQuantities,
  wholeUnits,
} from "./quantity.ts";

const canonical = {
  "0": "0",
  "1000m": "1",
  "1.5": "1500m",
  "1.5Gi": "1536Mi",
  "1024Ki": "1Mi",
  "1025Ki": "1025Ki",
  "0.5Ki": "512",
  "0.1Mi": "104857600m",
  "1024": "1024",
  "100000": "100k",
  "1e3": "1e3",
  "1000e0": "1e3",
  "1E": "1E",
  "1000E": "1000E",
  "0.1n": "1n",
  "-0.1n": "-1n",
  "1.1n": "2n",
  "-1.5Gi": "-1536Mi",
  "9999Ei": "9223372036854775807",
  "0.0001Ki": "102400u",
  "005": "005",
  "+5": "+5",
  "1.234k": "1.234k",
  "1.2340k": "1234",
  "12e-3": "12e-3",
  "0.000": "0",
  ".5": "500m",
  "5.": "5.",
  "-": "0",
  "128974848": "128974848",
  "129e6": "129e6",
  "123Mi": "123Mi",
  "100Gi": "100Gi",
  "1e30": "1e30",
};

for (const [given, written] of Object.entries(canonical))
  test(`canonicalQuantity: ${given} is written as ${written}`, () =>
    assert.equal(canonicalQuantity(given), written));

for (const [given, said] of [
  ["", /match the regular expression/],
  ["abc", /match the regular expression/],
  ["1 Gi", /match the regular expression/],
  ["1.2.3", /match the regular expression/],
  ["1Gib", /match the regular expression/],
  ["1KK", /suffix/],
  ["1e", /suffix/],
  ["1e1000000000", /suffix/],
  ["9".repeat(10_000), /numeric part/],
] as const)
  test(`parseQuantity refuses ${given.slice(0, 20)}`, () =>
    assert.throws(
      () => parseQuantity(given),
      (error) => isFault(error, "invalid") && said.test(error.message),
    ));

const amounts = fc
  .tuple(
    fc.integer({ min: -1_000_000, max: 1_000_000 }),
    fc.constantFrom("", "m", "k", "M", "Ki", "Mi", "Gi", "e3"),
  )
  .map(([number, suffix]) => `${number}${suffix}`);

test("a sum minus one part is the other part", () =>
  fc.assert(
    fc.property(amounts, amounts, (x, y) => {
      const [a, b] = [parseQuantity(x), parseQuantity(y)];
      assert.equal(compareQuantities(subtractQuantities(addQuantities(a, b), b), a), 0);
    }),
  ));

test("what is written is read as the same amount", () =>
  fc.assert(
    fc.property(amounts, amounts, (x, y) => {
      const sum = addQuantities(parseQuantity(x), parseQuantity(y));
      const text = formatQuantity(sum);
      assert.equal(compareQuantities(parseQuantity(text), sum), 0);
    }),
  ));

test("parseQuantity takes any text or refuses it with a fault", () =>
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...Array.from("0159.+-eEinumkKMGTPx ")) }), (text) => {
      try {
        formatQuantity(parseQuantity(text));
      } catch (error) {
        assert.ok(isFault(error, "invalid"));
      }
    }),
  ));

test("units are rounded away from zero", () => {
  assert.equal(wholeUnits(parseQuantity("1500m")), 2);
  assert.equal(wholeUnits(parseQuantity("-1500m")), -2);
  assert.equal(milliUnits(parseQuantity("0.5")), 500);
  assert.equal(milliUnits(parseQuantity("100u")), 1);
  assert.equal(wholeUnits(parseQuantity("2Gi")), 2 ** 31);
});
