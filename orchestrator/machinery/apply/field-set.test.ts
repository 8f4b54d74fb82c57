import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  difference,
  type FieldSet,
  fieldsOf,
  findFieldSet,
  has,
  insert,
  intersection,
  isEmpty,
  pathsOf,
  recursiveDifference,
  setOf,
  shownPath,
  union,
} from "./field-set.ts";

const element = fc.constantFrom(
  "f:a",
  "f:b",
  'k:{"name":"x"}',
  'k:{"port":1,"protocol":"TCP"}',
  "v:1",
  'v:"s"',
  "i:0",
);
const path = fc.array(element, { minLength: 1, maxLength: 3 });
const set = fc.array(path, { maxLength: 6 }).map((paths) => setOf(...paths));

function membersOf(fields: FieldSet): ReadonlySet<string> {
  return new Set(pathsOf(fields).map((members) => JSON.stringify(members)));
}

test("a set is read from the JSON that it is written as", () =>
  fc.assert(
    fc.property(set, (fields) => {
      const read = findFieldSet(JSON.parse(JSON.stringify(fieldsOf(fields))));
      assert.deepEqual(membersOf(read ?? new Map()), membersOf(fields));
    }),
  ));

test("unions, intersections and differences are those of their members", () =>
  fc.assert(
    fc.property(set, set, (a, b) => {
      const [x, y] = [membersOf(a), membersOf(b)];
      assert.deepEqual(membersOf(union(a, b)), x.union(y));
      assert.deepEqual(membersOf(intersection(a, b)), x.intersection(y));
      assert.deepEqual(membersOf(difference(a, b)), x.difference(y));
      assert.ok([...membersOf(recursiveDifference(a, b))].every((member) => x.has(member) && !y.has(member)));
      assert.equal(isEmpty(difference(a, union(a, b))), true);
    }),
  ));

test("has finds members, not what is around them", () => {
  const fields = setOf(["f:a", "f:b"]);
  assert.ok(has(fields, ["f:a", "f:b"]) && !has(fields, ["f:a"]) && !has(fields, []));
});

test("JSON is brought into one form, and refused where it is none", () => {
  assert.deepEqual(
    fieldsOf(findFieldSet({ 'k:{"b":1, "a":"<"}': {}, "f:x": { ".": {}, "v:1.0": {} } }) ?? new Map()),
    {
      "f:x": { ".": {}, "v:1": {} },
      'k:{"a":"\\u003c","b":1}': {},
    },
  );
  for (const bad of [
    [],
    "x",
    { x: {} },
    { "q:x": {} },
    { "k:[]": {} },
    { "v:": {} },
    { "f:a": 1 },
    { "i:x": {} },
  ])
    assert.equal(findFieldSet(bad), undefined);
});

test("paths are shown as messages have them", () =>
  assert.equal(
    shownPath(["f:spec", "f:ports", 'k:{"containerPort":80,"protocol":"TCP"}', 'v:"a"', "i:3"]),
    '.spec.ports[containerPort=80,protocol="TCP"][="a"][3]',
  ));

test("insert into a set does not touch another", () => {
  const made = new Map();
  insert(made, ["f:a", "f:b"]);
  const both = union(made, setOf(["f:a"]));
  assert.deepEqual(fieldsOf(both), { "f:a": { ".": {}, "f:b": {} } });
  assert.deepEqual(fieldsOf(made), { "f:a": { "f:b": {} } });
});
