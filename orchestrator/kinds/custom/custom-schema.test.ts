import assert from "node:assert/strict";
import { test } from "node:test";
import { compare } from "#orchestrator/machinery/apply/compare.ts";
import { fieldsOf } from "#orchestrator/machinery/apply/field-set.ts";
import { merge } from "#orchestrator/machinery/apply/merge.ts";
import { toFieldSet } from "#orchestrator/machinery/apply/to-field-set.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import fc from "fast-check";
import { listErrors, valueErrors } from "./check-value.ts";
import { customTypes } from "./custom-atom.ts";
import { customColumns } from "./custom-columns.ts";
import { customStrategy } from "./custom-strategy.ts";
import type { CustomDefinition, JsonSchema } from "./definition.ts";
import { hasFormat } from "./formats.ts";
import { findJsonPath, valuesAt } from "#orchestrator/machinery/json-path.ts";
import { compilePattern } from "./pattern.ts";
import { prune } from "./prune.ts";
import { definitionSchemaErrors } from "./schema-errors.ts";
import { setDefaults } from "./set-defaults.ts";

function shown(errors: readonly FieldError[]): readonly string[] {
  return errors.map(({ field, message }) => `${field}: ${message}`);
}

const text: JsonSchema = { type: "string" };

test("prune drops what the schema does not have, and tells it in order", () => {
  const schema: JsonSchema = {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: {
          a: text,
          free: {
            type: "object",
            "x-kubernetes-preserve-unknown-fields": true,
            properties: { b: { type: "object" } },
          },
          map: { type: "object", additionalProperties: { type: "object", properties: { c: text } } },
          list: { type: "array", items: { type: "object", properties: { d: text } } },
          pod: {
            type: "object",
            "x-kubernetes-embedded-resource": true,
            "x-kubernetes-preserve-unknown-fields": true,
          },
        },
      },
    },
  };
  const object: Draft = {
    apiVersion: "x/v1",
    kind: "X",
    metadata: { name: "n", wrong: 1 },
    spec: {
      z: 1,
      a: "kept",
      free: { any: { thing: 1 }, b: { gone: 1 } },
      map: { k: { c: "kept", gone: 1 } },
      list: [{ d: "kept", gone: 1 }],
      pod: { apiVersion: "v1", kind: "Pod", metadata: { name: "p", wrong: 1 }, spec: { any: 1 } },
    },
    other: 1,
  };
  assert.deepEqual(
    prune(schema, object),
    [
      "metadata.wrong",
      "other",
      "spec.free.b.gone",
      "spec.list[0].gone",
      "spec.map.k.gone",
      "spec.pod.metadata.wrong",
      "spec.z",
    ].map((path) => `unknown field "${path}"`),
  );
  assert.deepEqual(object, {
    apiVersion: "x/v1",
    kind: "X",
    metadata: { name: "n" },
    spec: {
      a: "kept",
      free: { any: { thing: 1 }, b: {} },
      map: { k: { c: "kept" } },
      list: [{ d: "kept" }],
      pod: { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: { any: 1 } },
    },
  });
});

test("setDefaults fills what is absent, and nulls where there may be none", () => {
  const schema: JsonSchema = {
    type: "object",
    properties: {
      a: { type: "integer", default: 1 },
      b: { type: "object", default: {}, properties: { c: { type: "string", default: "x" } } },
      d: { type: "string", nullable: true },
      e: text,
      f: { type: "integer", default: 2, nullable: true },
      g: { type: "array", items: { type: "object", properties: { h: { type: "integer", default: 3 } } } },
    },
  };
  const object: Draft = { a: null, d: null, e: null, f: null, g: [{}] };
  setDefaults(schema, object);
  assert.deepEqual(object, { a: 1, b: { c: "x" }, d: null, f: null, g: [{ h: 3 }] });
});

for (const [schema, value, expected] of [
  [{ type: "integer" }, 1.5, ['<nil>: Invalid value: "number":  in body must be of type integer: "number"']],
  [{ type: "number" }, 1, []],
  [{ type: "string" }, null, ['<nil>: Invalid value: "null":  in body must be of type string: "null"']],
  [{ type: "string", nullable: true }, null, []],
  [{ "x-kubernetes-int-or-string": true }, "a", []],
  [
    { "x-kubernetes-int-or-string": true },
    true,
    ['<nil>: Invalid value: "boolean":  in body must be of type integer,string: "boolean"'],
  ],
  [
    { type: "object", required: ["a"], properties: { a: text, b: { type: "string", enum: ["x", "y"] } } },
    { b: "z" },
    ['b: Unsupported value: "z": supported values: "x", "y"', "a: Required value"],
  ],
  [
    {
      type: "object",
      properties: { l: { type: "array", maxItems: 1, minItems: 3, items: { type: "string", maxLength: 1 } } },
    },
    { l: ["ab", "c"] },
    [
      "l[0]: Too long: may not be more than 1 byte",
      "l: Invalid value: 2: l in body should have at least 3 items",
      "l: Too many: 2: must have at most 1 item",
    ],
  ],
  [
    {
      type: "object",
      additionalProperties: { type: "integer", exclusiveMinimum: true, minimum: 1, multipleOf: 2 },
    },
    { k: 1 },
    [
      "k: Invalid value: 1: .k in body should be greater than 1",
      "k: Invalid value: 1: .k in body should be a multiple of 2",
    ],
  ],
  [
    { type: "object", properties: { a: { type: "string", format: "date-time" } } },
    { a: "now" },
    ['a: Invalid value: "now": a in body must be of type date-time: "now"'],
  ],
  [
    { type: "object", properties: { a: text, b: text }, oneOf: [{ required: ["a"] }, { required: ["b"] }] },
    { a: "1", b: "2" },
    [
      '<nil>: Invalid value: "": "" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
  ],
  [
    { type: "object", properties: { a: text }, not: { required: ["a"] } },
    { a: "1" },
    ['<nil>: Invalid value: "": "" must not validate the schema (not)'],
  ],
] as const satisfies readonly (readonly [JsonSchema, unknown, readonly string[]])[])
  test(`valueErrors of ${JSON.stringify(value)} by ${JSON.stringify(schema)}`, () =>
    assert.deepEqual(shown(valueErrors(schema, value)), expected));

test("listErrors: sets and maps have an item once", () => {
  const schema: JsonSchema = {
    type: "object",
    properties: {
      set: { type: "array", "x-kubernetes-list-type": "set", items: text },
      map: {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k"],
        items: { type: "object" },
      },
    },
  };
  assert.deepEqual(shown(listErrors(schema, { set: ["a", "b", "a"], map: [{ k: 1 }, { k: 1, x: 2 }] })), [
    'set[2]: Duplicate value: "a"',
    'map[1]: Duplicate value: {"k":1}',
  ]);
});

for (const [schema, expected] of [
  [{ properties: { a: text } }, "s.type: Required value: must not be empty at the root"],
  [{ type: "string" }, 's.type: Invalid value: "string": must be object at the root'],
  [
    { type: "object", additionalProperties: text },
    "s.additionalProperties: Forbidden: must not be used at the root",
  ],
  [
    { type: "object", properties: { a: { type: "array" } } },
    "s.properties[a].items: Required value: must be specified",
  ],
  [
    {
      type: "object",
      properties: { metadata: { type: "object", properties: { labels: { type: "object" } } } },
    },
    "s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
  ],
  [
    { type: "object", anyOf: [{ type: "object" }] },
    "s.anyOf[0].type: Forbidden: must be empty to be structural",
  ],
  [
    { type: "object", anyOf: [{ properties: { a: { minLength: 1 } } }] },
    "s.properties[a]: Required value: because it is defined in s.anyOf[0].properties[a]",
  ],
  [
    { type: "object", properties: { a: { type: "string", pattern: "(" } } },
    's.properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t:',
  ],
  [
    {
      type: "object",
      properties: { a: { type: "array", "x-kubernetes-list-type": "map", items: { type: "object" } } },
    },
    "s.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map",
  ],
  [{ type: "object", nullable: true }, "s.nullable: Forbidden: nullable cannot be true at the root"],
  [
    {
      type: "object",
      properties: { a: { type: "object", properties: { b: text }, additionalProperties: text } },
    },
    "s.properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
  ],
] as const satisfies readonly (readonly [JsonSchema, string])[])
  test(`definitionSchemaErrors: ${expected}`, () => {
    const errors = shown(definitionSchemaErrors(schema, false, "s"));
    assert.ok(errors[0]?.startsWith(expected), errors.join("\n"));
  });

test("int-or-string may be written as an alternative", () =>
  assert.deepEqual(
    definitionSchemaErrors(
      {
        type: "object",
        properties: {
          a: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] },
        },
      },
      true,
      "s",
    ),
    [],
  ));

test("paths lead to fields, items, what a filter lets through", () => {
  const object = {
    spec: {
      "a.b": 1,
      list: [
        { type: "x", n: 1 },
        { type: "Ready", n: 2 },
      ],
    },
  };
  const read = (path: string) => valuesAt(findJsonPath(path) ?? [], object);
  assert.deepEqual(read(".spec['a.b']"), [1]);
  assert.deepEqual(read(".spec.a\\.b"), [1]);
  assert.deepEqual(read(".spec.list[1].n"), [2]);
  assert.deepEqual(read(".spec.list[-1:].n"), [2]);
  assert.deepEqual(read(".spec.list[*].n"), [1, 2]);
  assert.deepEqual(read('.spec.list[?(@.type=="Ready")].n'), [2]);
  assert.deepEqual(read("..n"), [1, 2]);
  assert.deepEqual(read(".spec.none[0].x"), []);
  assert.equal(findJsonPath(".spec[["), undefined);
});

test("columns show what their type says", () => {
  const columns = customColumns([
    { name: "S", type: "string", jsonPath: ".s" },
    { name: "I", type: "integer", jsonPath: ".s" },
    { name: "D", type: "date", jsonPath: ".d", priority: 1 },
  ]);
  const object = { metadata: { name: "n" }, s: { a: [1] }, d: "2026-01-01T00:00:00Z" };
  const now = new Date("2026-01-01T00:05:00Z");
  assert.deepEqual(
    columns.map((column) => column.cell(object, now)),
    ["n", '{"a":[1]}', null, "5m"],
  );
  assert.deepEqual(
    customColumns([]).map(({ name }) => name),
    ["Name", "Age"],
  );
});

test("formats that are known are checked", () => {
  const good = {
    ipv4: "1.2.3.4",
    ipv6: "::1",
    cidr: "10.0.0.0/8",
    uuid: "123e4567-e89b-12d3-a456-426614174000",
    byte: "YQ==",
    date: "2026-02-28",
    "date-time": "2026-02-28T10:00:00Z",
    duration: "1m3s",
    uri: "http://a",
    email: "a@b",
    hostname: "a.b",
    mac: "00:11:22:33:44:55",
    other: "anything",
  };
  for (const [format, value] of Object.entries(good)) assert.ok(hasFormat(format, value), format);
  const bad = {
    ipv4: "::1",
    ipv6: "x",
    cidr: "10.0.0.0/33",
    uuid: "x",
    byte: "a",
    date: "2026-02-30",
    "date-time": "x",
    duration: "x",
    uri: "a b",
    email: "a",
    mac: "0",
  };
  for (const [format, value] of Object.entries(bad)) assert.ok(!hasFormat(format, value), format);
});

test("a pattern that would take for ever does not", () => {
  const expression = compilePattern("^(a+)+$");
  assert.ok(expression instanceof RegExp);
  const start = performance.now();
  assert.equal(expression.test(`${"a".repeat(60)}!`), false);
  assert.ok(performance.now() - start < 5000);
  const written = compilePattern("(?i)^[[:alpha:]]+\\z");
  assert.ok(written instanceof RegExp && written.test("aB") && !written.test("a1"));
});

const definition: CustomDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "xs.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "xs", kind: "X" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: {
                type: "object",
                properties: {
                  atomic: { type: "object", "x-kubernetes-map-type": "atomic", additionalProperties: text },
                  list: { type: "array", items: text },
                  ports: {
                    type: "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["port", "protocol"],
                    items: {
                      type: "object",
                      properties: { port: { type: "integer" }, protocol: { type: "string", default: "TCP" } },
                    },
                  },
                  free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
                },
              },
            },
          },
        },
      },
    ],
  },
};

test("apply sees objects of a custom kind by their schema", () => {
  const atom = customTypes(definition).findAtom("example.com/v1") ?? {};
  const object = {
    metadata: { labels: { a: "b" } },
    spec: { atomic: { a: "1" }, list: ["x"], ports: [{ port: 1 }], free: { a: { b: [1] } } },
  };
  assert.deepEqual(fieldsOf(toFieldSet(atom, object)), {
    "f:metadata": { "f:labels": { "f:a": {} } },
    "f:spec": {
      "f:atomic": {},
      "f:free": { "f:a": { ".": {}, "f:b": {} } },
      "f:list": {},
      "f:ports": { 'k:{"port":1,"protocol":"TCP"}': { ".": {}, "f:port": {} } },
    },
  });
  assert.deepEqual(merge(atom, object, { spec: { list: ["y"], atomic: { c: "2" } } }), {
    ...object,
    spec: { ...object.spec, list: ["y"], atomic: { c: "2" } },
  });
  assert.equal(customTypes(definition).findAtom("example.com/v2"), undefined);
});

test("customStrategy: an update is checked once; what it was before only where something is wrong", () => {
  const checked: Draft[] = [];
  const rules = {
    check(_schema: JsonSchema, object: Draft): readonly FieldError[] {
      checked.push(object);
      const isWrong = object["spec"] === "wrong";
      return isWrong ? [{ reason: "FieldValueInvalid", field: "spec", message: "it is wrong" }] : [];
    },
  };
  const [version] = definition.spec.versions;
  assert.ok(version);
  const free = { ...version, schema: { openAPIV3Schema: {} } };
  const strategy = customStrategy(definition, free, customTypes(definition), rules);
  const [right, wrong] = [{ spec: "right" }, { spec: "wrong" }];
  assert.deepEqual(strategy.validateUpdate?.(right, wrong), []);
  assert.deepEqual(checked, [right]);
  assert.equal(strategy.validateUpdate?.(wrong, right).length, 1);
  assert.deepEqual(strategy.validateUpdate?.({ ...wrong, more: 1 }, wrong), []);
});

const value = fc.jsonValue({ maxDepth: 3 });
const schemas = fc.letrec<{ schema: JsonSchema }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<JsonSchema>(
      text,
      { type: "integer" },
      { type: "boolean" },
      { "x-kubernetes-int-or-string": true },
    ),
    fc.record({ type: fc.constant("array"), items: tie("schema") }) as fc.Arbitrary<JsonSchema>,
    fc.record({
      type: fc.constant("object"),
      properties: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("schema")),
      "x-kubernetes-preserve-unknown-fields": fc.boolean(),
    }) as fc.Arbitrary<JsonSchema>,
  ),
}));

test("whatever an object holds: pruning and defaults come to rest, and nothing that checks it fails", () =>
  fc.assert(
    fc.property(
      schemas.schema,
      fc.dictionary(fc.constantFrom("a", "b", "c", "spec"), value),
      (schema, given) => {
        const object = structuredClone(given) as Draft;
        prune(schema, object);
        assert.deepEqual(prune(schema, object), []);
        setDefaults(schema, object);
        const once = structuredClone(object);
        setDefaults(schema, object);
        assert.deepEqual(object, once);
        valueErrors(schema, object);
        listErrors(schema, object);
        definitionSchemaErrors(schema, true, "s");
      },
    ),
  ));

test("apply's view of any schema compares any values that fit it", () =>
  fc.assert(
    fc.property(schemas.schema, value, value, (schema, a, b) => {
      const version = {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { ...schema, type: "object" } },
      };
      const types = customTypes({ ...definition, spec: { ...definition.spec, versions: [version] } });
      const atom = types.findAtom("example.com/v1") ?? {};
      const { added, removed } = compare(atom, { spec: a }, { spec: b });
      assert.deepEqual(compare(atom, { spec: a }, { spec: a }).modified.size, 0);
      assert.ok(added.size >= 0 && removed.size >= 0);
    }),
  ));
