import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { booleanFilter, matchesLabels, matchesPattern, parseFilters, valuesFor } from "./filters.ts";

const keys = ["label", "label!", "name", "dangling"];

test("parseFilters: both encodings give the same values", () => {
  const list = parseFilters('{"label":["a=b","c"]}', keys);
  const set = parseFilters('{"label":{"a=b":true,"c":true,"d":false}}', keys);
  assert.deepEqual(valuesFor(list, "label"), ["a=b", "c"]);
  assert.deepEqual(list, set);
});

test("parseFilters: nothing, an empty object and null filter nothing", () => {
  for (const text of [null, "", "{}", "null"]) assert.equal(parseFilters(text, keys).size, 0);
});

test("parseFilters: unknown keys and other shapes are invalid", () => {
  assert.throws(() => parseFilters('{"foo":["x"]}', keys), { message: "invalid filter 'foo'" });
  for (const text of [
    "{x",
    "[]",
    "3",
    '"a"',
    '{"name":"x"}',
    '{"name":[1]}',
    '{"name":{"x":1}}',
    '{"name":3}',
  ])
    assert.throws(
      () => parseFilters(text, keys),
      (error) => isFault(error, "invalid"),
      text,
    );
});

test("parseFilters: any text gives filters or an invalid fault, in no time", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      try {
        parseFilters(text, keys);
      } catch (error) {
        assert.ok(isFault(error, "invalid"));
      }
    }),
  );
});

test("booleanFilter: true, false, absent, and nothing else", () => {
  const of = (text: string) => booleanFilter(parseFilters(text, keys), "dangling");
  assert.equal(of('{"dangling":["true"]}'), true);
  assert.equal(of('{"dangling":{"0":true}}'), false);
  assert.equal(of("{}"), undefined);
  assert.throws(() => of('{"dangling":["x"]}'), { message: "invalid filter 'dangling=[x]'" });
  assert.throws(() => of('{"dangling":["true","false"]}'));
});

test("matchesLabels: keys, values and negations, names of Object's own members included", () => {
  const labels = { a: "b", empty: "" };
  const matches = (filter: object) => matchesLabels(parseFilters(JSON.stringify(filter), keys), labels);
  assert.ok(matches({ label: ["a"] }) && matches({ label: ["a=b", "empty="] }));
  assert.ok(!matches({ label: ["a=c"] }) && !matches({ label: ["a", "z"] }));
  assert.ok(!matches({ label: ["toString"] }));
  assert.ok(matches({ "label!": ["z"] }) && !matches({ "label!": ["a"] }) && matches({ "label!": ["a=c"] }));
});

test("matchesPattern: a regular expression anywhere in the name; one that is none matches what it equals", () => {
  const matches = (pattern: string, ...names: string[]) =>
    matchesPattern(parseFilters(JSON.stringify({ name: [pattern] }), keys), "name", ...names);
  assert.ok(matches("web", "/my-web-1"));
  assert.ok(matches("^/web$", "/web") && !matches("^/web$", "/web1"));
  assert.ok(matches("^web$", "/web", "web"));
  assert.ok(matches("w.b", "/wab") && matches("^(a|b)$", "a"));
  assert.ok(matches("(", "(") && !matches("(", "x("));
});

test("matchesPattern: no pattern of a client takes long", () => {
  const name = "a".repeat(60);
  const started = performance.now();
  for (const pattern of ["(a+)+$b", "(a*)*b", "(a|a)*b", "a*a*a*a*a*a*a*b", "((a)+)+b", "(.)\\1+b"])
    matchesPattern(parseFilters(JSON.stringify({ name: [pattern] }), keys), "name", name);
  assert.ok(performance.now() - started < 500);
});
