import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import fc from "fast-check";
import {
  formatLabelSelector,
  matchesLabels,
  parseLabelSelector,
  requirementsOf,
  selects,
} from "./label-selector.ts";

for (const [text, canonical] of [
  ["", ""],
  ["a", "a"],
  ["!a", "!a"],
  ["b=1,a==2", "a==2,b=1"],
  ["x in (foo,,baz),y,z notin ()", "x in (,baz,foo),y,z notin ()"],
  ["in in (in,notin)", "in in (in,notin)"],
  ["x>1,x<5", "x>1,x<5"],
  ["x=", "x="],
  ["x in (,)", "x in ()"],
  [" x  !=  y ", "x!=y"],
  ["example.com/a=b", "example.com/a=b"],
] as const)
  test(`parseLabelSelector: ${text}`, () =>
    assert.equal(formatLabelSelector(parseLabelSelector(text)), canonical));

for (const [text, said] of [
  ["x=a||y=b", 'values[0][x]: Invalid value: "a||y"'],
  ["x==a==b", "found '==', expected: ',' or 'end of string'"],
  ["!x=a", "found '=', expected: ',' or 'end of string'"],
  [
    "x<a",
    "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer",
  ],
  ["x,", "found '', expected: identifier after ','"],
  ["x in a", "unable to parse requirement: found 'a' expected: '('"],
  ["x in (a", "unable to parse requirement: found '', expected: ',' or ')'"],
  ["x y", "unable to parse requirement: found 'y', expected: in, notin, =, ==, !=, gt, lt"],
  ["=a", "found '=', expected: !, identifier, or 'end of string'"],
  [
    "-x",
    "unable to parse requirement: <nil>: Invalid value: \"-x\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  ],
] as const)
  test(`parseLabelSelector refuses ${text}`, () =>
    assert.throws(
      () => parseLabelSelector(text),
      (error) => isFault(error, "invalid") && error.message.includes(said),
    ));

test("matchesLabels: what is absent is neither in a set nor equal", () => {
  const matches = (text: string, labels: Record<string, string> | undefined) =>
    matchesLabels(parseLabelSelector(text), labels);
  assert.ok(matches("x!=a", {}) && matches("x notin (a)", undefined) && matches("!x", {}));
  assert.ok(!matches("x in (a)", {}) && !matches("x", {}) && !matches("x>1", { x: "b" }));
  assert.ok(matches("x>1,x<3", { x: "2" }) && !matches("x>9223372036854775807", { x: "1" }));
  assert.ok(!matches("constructor", {}));
});

test("selects: an absent selector selects nothing, an empty one everything", () => {
  assert.ok(!selects(undefined, { a: "b" }));
  assert.ok(selects({}, undefined));
  const selector = {
    matchLabels: { a: "1" },
    matchExpressions: [
      { key: "b", operator: "In" as const, values: ["x", "y"] },
      { key: "c", operator: "DoesNotExist" as const },
    ],
  };
  assert.ok(selects(selector, { a: "1", b: "y" }));
  assert.ok(!selects(selector, { a: "1", b: "y", c: "" }));
  assert.equal(formatLabelSelector(requirementsOf(selector) ?? []), "a=1,b in (x,y),!c");
});

test("parseLabelSelector takes any text or refuses it with a fault, and reads what it wrote", () =>
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("a", "b.c/d", "in", "notin", "(", ")", ",", "!", "=", "!=", ">", "1", " ")),
      (parts) => {
        let read: ReturnType<typeof parseLabelSelector>;
        try {
          read = parseLabelSelector(parts.join(""));
        } catch (error) {
          assert.ok(isFault(error, "invalid"));
          return;
        }
        const text = formatLabelSelector(read);
        assert.equal(formatLabelSelector(parseLabelSelector(text)), text);
      },
    ),
  ));
