import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { interpolateTree, substitute, variablesOf } from "./interpolate.ts";

const lookup = (name: string) => ({ A: "a", EMPTY: "" })[name];
const replace = (template: string) => substitute(template, lookup, () => {});

test("substitute: every operator, set, empty and unset", () => {
  assert.equal(replace("$A ${A} ${B-b} ${EMPTY-b} ${EMPTY:-b} ${A:-b}"), "a a b  b a");
  assert.equal(replace("${A:+x}${EMPTY:+x}${EMPTY+y}${B+z}"), "xy");
  assert.equal(replace("${B:-${C:-${A}}}d"), "ad");
  assert.equal(replace("$$A a$ $1 x$-b"), "$A a$ $1 x$-b");
});

test("substitute: a required variable without a value is named with its reason", () => {
  assert.throws(() => replace("${B:?give B}"), { message: "required variable B is missing a value: give B" });
  assert.throws(() => replace("${B?}"), { message: "required variable B is missing a value" });
});

test("substitute: what is no template is refused, and tells of variables that are not set", () => {
  for (const bad of ["${A", "${}", "${1A}", "${A }", "${A/x/y}"])
    assert.throws(() => replace(bad), { kind: "invalid" }, bad);
  const missing: string[] = [];
  assert.equal(
    substitute(
      "$X${Y-}",
      () => undefined,
      (name) => missing.push(name),
    ),
    "",
  );
  assert.deepEqual(missing, ["X"]);
});

test("substitute: text with dollars doubled comes back as it was", () => {
  fc.assert(fc.property(fc.string(), (text) => assert.equal(replace(text.replaceAll("$", "$$$$")), text)));
});

test("interpolateTree: values become the types of their places, and bad ones are told with their path", () => {
  const tree = { services: { web: { tty: "${T}", scale: "${N}", image: "${N}" } } };
  const values = (name: string) => ({ T: "yes", N: "3" })[name];
  assert.deepEqual(
    interpolateTree(tree, values, () => {}),
    {
      services: { web: { tty: true, scale: 3, image: "3" } },
    },
  );
  assert.throws(() => interpolateTree({ services: { web: { tty: "maybe" } } }, values, () => {}), {
    message:
      "error while interpolating services.web.tty: failed to cast to expected type: invalid boolean: maybe",
  });
  assert.throws(() => interpolateTree({ services: { web: { image: "${A" } } }, values, () => {}), {
    message:
      "invalid interpolation format for services.web.image.\nYou may need to escape any $ with another $.\n${A",
  });
});

test("variablesOf: nested ones too", () => {
  assert.deepEqual(
    variablesOf("${A:-${B?x}}").map(({ name, isRequired }) => [name, isRequired]),
    [
      ["A", false],
      ["B", true],
    ],
  );
});
