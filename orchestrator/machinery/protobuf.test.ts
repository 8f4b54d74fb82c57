import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isStatus } from "#api/kube/status.ts";
import { resources } from "#orchestrator/kinds/resources.ts";
import { schemaOf } from "#orchestrator/kinds/schemas.ts";
import { DecodeError } from "./decode-error.ts";
import { decodeProtobufBody, encodeProtobuf, frameWatchEvent, openEnvelope } from "./protobuf.ts";
import { decodeMessage } from "./protobuf-decode.ts";
import { encodeMessage } from "./protobuf-encode.ts";
import type { Draft } from "./resource.ts";
import type { TypeSchema, ValueSchema } from "./schema.ts";
import { decodeObject } from "./schema-decode.ts";

const podSchema = schemaOf("io.k8s.api.core.v1.Pod");

/** An object in which every field that protobuf carries has a value, down to a depth. */
function filled(schema: TypeSchema, depth: number): Draft {
  const object: Draft = {};
  for (const field of schema.fields.values()) {
    if (field.number === undefined) continue;
    const value = sample(field.value, depth);
    if (value !== undefined) object[field.name] = value;
  }
  return object;
}

function sample(schema: ValueSchema, depth: number): unknown {
  switch (schema.kind) {
    case "string":
      return "é text";
    case "boolean":
      return true;
    case "integer":
      return schema.bits === 32 ? -7 : 3_000_000_000_000;
    case "number":
      return 1.25;
    case "bytes":
      return "AAEC/w==";
    case "time":
      return "2024-05-06T07:08:09Z";
    case "micro-time":
      return "2024-05-06T07:08:09.000120Z";
    case "quantity":
      return "1500m";
    case "int-or-string":
      return "http";
    case "any":
      return { a: [1, null, "x"] };
    case "object":
      return depth > 9 ? undefined : filled(schema.type, depth + 1);
    case "list": {
      const item = sample(schema.items, depth);
      return item === undefined ? undefined : [item, item];
    }
    case "map": {
      const item = sample(schema.values, depth);
      return item === undefined ? undefined : { b: item, a: item };
    }
    case "schema-or":
      return schema.or === "boolean" ? false : schema.or === "string-array" ? ["x"] : [{ type: "object" }];
    default:
      return schema satisfies never;
  }
}

test("encodeMessage: every field of every kind comes back from decodeMessage", () => {
  for (const { type, kind } of resources) {
    const schema = schemaOf(type);
    const object = filled(schema, kind === "CustomResourceDefinition" ? 7 : 0);
    const decoded = decodeMessage(schema, encodeMessage(schema, object));
    decodeObject(schema, object); // fills in what both sides always have below the depth
    assert.deepEqual(decoded, object, kind);
  }
});

test("encodeProtobuf: envelope and message of a small object, byte by byte", () => {
  const bytes = encodeProtobuf(schemaOf("io.k8s.api.core.v1.ConfigMap"), {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a" },
    data: { k: "v" },
    immutable: false,
  });
  const expected =
    "6b3873000a0f0a0276311209436f6e6669674d6170" + "120f0a030a016112060a016b1201762000" + "1a002200";
  assert.equal(bytes.toString("hex"), expected);
});

test("decodeProtobufBody: gives the object with what its envelope says it is", () => {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: { nodeName: "n" } };
  const expected = { group: "", version: "v1", kind: "Pod", schema: podSchema };
  const { object } = decodeProtobufBody(encodeProtobuf(podSchema, pod), expected);
  assert.deepEqual(object, { ...pod, spec: { nodeName: "n", containers: [] }, status: {} });
  assert.throws(
    () => decodeProtobufBody(Buffer.from("{}"), expected),
    (error) => isStatus(error, "BadRequest") && /expected prefix \[107 56 115 0\]/.test(error.message),
  );
});

test("decodeMessage: zeros that upstream would not write are absent, unknown fields skipped", () => {
  // spec (2) { hostNetwork (11): false, terminationGracePeriodSeconds (4): 0, field 1000: "x", restartPolicy (3): "" }
  const spec = Buffer.from("58002000c23e01781a00", "hex");
  const bytes = Buffer.concat([Buffer.from([0x12, spec.length]), spec]);
  assert.deepEqual(decodeMessage(podSchema, bytes)["spec"], {
    terminationGracePeriodSeconds: 0,
    containers: [],
  });
});

test("decodeMessage: a map's key named __proto__ is a key", () => {
  const schema = schemaOf("io.k8s.api.core.v1.ConfigMap");
  const data: Draft = JSON.parse('{"__proto__":"x"}');
  const { data: decoded } = decodeMessage(schema, encodeMessage(schema, { data }));
  assert.equal(JSON.stringify(decoded), '{"__proto__":"x"}');
});

test("decodeMessage: hostile bytes end in a DecodeError or an object, never otherwise", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeMessage(podSchema, bytes);
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
      }
    }),
  );
});

test("frameWatchEvent: a length of four bytes, then the event around the envelope", () => {
  const envelope = encodeProtobuf(podSchema, { apiVersion: "v1", kind: "Pod", metadata: { name: "a" } });
  const frame = frameWatchEvent("ADDED", envelope);
  assert.equal(frame.readUInt32BE(0), frame.length - 4);
  assert.equal(frame.subarray(4, 11).toString("latin1"), "\n\u0005ADDED");
  assert.equal(openEnvelope(frame.subarray(frame.indexOf("k8s\0"))).kind, "Pod");
});
