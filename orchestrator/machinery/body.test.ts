import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isStatus } from "#api/kube/status.ts";
import { schemaOf } from "#orchestrator/kinds/schemas.ts";
import { decodeJsonBody, decodeParsed, type ExpectedKind, parseJson, strictFailure } from "./body.ts";
import { DecodeError } from "./decode-error.ts";
import { parseYaml } from "./yaml-body.ts";

const deployment: ExpectedKind = {
  group: "apps",
  version: "v1",
  kind: "Deployment",
  schema: schemaOf("io.k8s.api.apps.v1.Deployment"),
};
const pod: ExpectedKind = {
  group: "",
  version: "v1",
  kind: "Pod",
  schema: schemaOf("io.k8s.api.core.v1.Pod"),
};

const decode = (text: string, expected = pod) => decodeJsonBody(Buffer.from(text), expected);
const refusal = (text: string, expected = pod) => {
  try {
    decode(text, expected);
  } catch (error) {
    if (isStatus(error, "BadRequest")) return error.message;
    throw error;
  }
  return undefined;
};

test("decodeJsonBody: unknown and duplicate fields are named as upstream names them", () => {
  const { object, strictErrors } = decode(
    '{"kind":"Deployment","spec":{"replicas":1,"replicas":2,"foo":1,"template":{"spec":{"containers":[{"name":"a","bar":{"x":1}}]}}}}',
    deployment,
  );
  assert.deepEqual(strictErrors, [
    'duplicate field "spec.replicas"',
    'unknown field "spec.foo"',
    'unknown field "spec.template.spec.containers[0].bar"',
  ]);
  assert.equal(
    strictFailure(deployment, strictErrors.slice(1)).message,
    'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.foo", unknown field "spec.template.spec.containers[0].bar"',
  );
  assert.deepEqual(object["spec"], {
    replicas: 2,
    strategy: {},
    template: { metadata: {}, spec: { containers: [{ name: "a", resources: {} }] } },
  });
});

test("decodeJsonBody: a mistyped value is told with the Go type that has no place for it", () => {
  const prefix = 'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal';
  assert.equal(
    refusal('{"spec":{"replicas":"3"}}', deployment),
    `${prefix} string into Go struct field DeploymentSpec.spec.replicas of type int32`,
  );
  assert.equal(
    refusal('{"spec":{"template":{"spec":{"containers":[{"env":[{"name":"a","value":1}]}]}}}}', deployment),
    `${prefix} number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string`,
  );
  assert.equal(
    refusal('{"spec":{"template":{"spec":{"containers":{}}}}}', deployment),
    `${prefix} object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container`,
  );
  assert.equal(
    refusal('{"spec":{"template":{"spec":{"restartPolicy":1}}}}', deployment),
    `${prefix} number into Go struct field PodSpec.spec.template.spec.restartPolicy of type v1.RestartPolicy`,
  );
  assert.equal(
    refusal('{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":"x"}}]}}}}', deployment),
    `${prefix} string into Go struct field ResourceRequirements.spec.template.spec.containers.resources.limits of type v1.ResourceList`,
  );
  assert.equal(
    refusal('{"spec":{"replicas":99999999999}}', deployment),
    `${prefix} number 99999999999 into Go struct field DeploymentSpec.spec.replicas of type int32`,
  );
});

test("decodeJsonBody: what is no object of the kind is refused", () => {
  assert.equal(
    refusal('{"spec":{'),
    'the object provided is unrecognized (must be of type Pod): couldn\'t get version/kind; json parse error: unexpected end of JSON input ({"spec":{)',
  );
  assert.equal(
    refusal("xyz"),
    "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: invalid character 'x' looking for beginning of value (78797a)",
  );
  assert.match(refusal("[1]") ?? "", /cannot unmarshal array into Go value of type struct/);
  assert.equal(
    refusal('{"apiVersion":"apps/v1","kind":"Deployment"}'),
    "the API version in the data (apps/v1) does not match the expected API version (v1)",
  );
  assert.match(refusal('{"kind":"Service"}') ?? "", /^Service in version "v1" cannot be handled as a Pod: /);
  assert.match(refusal(`{"a":${"[".repeat(5000)}${"]".repeat(5000)}}`) ?? "", /exceeded max depth/);
});

test("decodeJsonBody: nulls, empty values and zeros stay only where upstream keeps them", () => {
  const { object } = decode(
    '{"metadata":{"name":"a","labels":{},"annotations":null},"spec":{"hostNetwork":false,"nodeName":"","terminationGracePeriodSeconds":0,"containers":[null],"enableServiceLinks":false,"volumes":[]}}',
  );
  assert.deepEqual(object, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a" },
    spec: {
      terminationGracePeriodSeconds: 0,
      enableServiceLinks: false,
      containers: [{ name: "", resources: {} }],
    },
    status: {},
  });
});

test("decodeJsonBody: times, quantities and bytes take their canonical form or are refused", () => {
  const { object } = decode(
    '{"metadata":{"creationTimestamp":"2024-05-01T12:00:00.9+02:00"},"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":2,"memory":"1024Mi"}}}]}}',
  );
  assert.deepEqual(object["metadata"], { creationTimestamp: "2024-05-01T10:00:00Z" });
  assert.match(JSON.stringify(object["spec"]), /"limits":\{"cpu":"2","memory":"1Gi"\}/);
  assert.match(refusal('{"metadata":{"creationTimestamp":"x"}}') ?? "", /parsing time "x" as/);
  const secret = { group: "", version: "v1", kind: "Secret", schema: schemaOf("io.k8s.api.core.v1.Secret") };
  assert.match(refusal('{"data":{"a":"???="}}', secret) ?? "", /illegal base64 data at input byte 0/);
});

test("decodeJsonBody: a key named __proto__ is a key", () => {
  const map = {
    group: "",
    version: "v1",
    kind: "ConfigMap",
    schema: schemaOf("io.k8s.api.core.v1.ConfigMap"),
  };
  const { object } = decode('{"data":{"__proto__":null,"a":"b"},"__proto__":{"x":1}}', map);
  assert.equal(JSON.stringify(object["data"]), '{"__proto__":"","a":"b"}');
  assert.equal(Object.getPrototypeOf(object), Object.prototype);
});

test("parseJson: finds exactly the members that stand there twice", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      assert.deepEqual(parseJson(JSON.stringify(value)).duplicates, []);
      assert.deepEqual(parseJson(JSON.stringify(value, undefined, 2)).duplicates, []);
      const twice = `{"a\\"\\\\":${JSON.stringify(value)} , "b" : [ 1,{"c":2 ,"c":3}], "a\\"\\\\":1}`;
      assert.deepEqual(parseJson(twice).duplicates, ['duplicate field "b[1].c"', 'duplicate field "a"\\"']);
    }),
  );
});

test("parseYaml: reads as Go does, tells keys that stand there twice, and stops bombs", () => {
  assert.deepEqual(parseYaml("a: yes\nmode: 0644\nt: 2024-01-01\nnone: ~\nf: 1.5\n").value, {
    a: true,
    mode: 420,
    t: "2024-01-01",
    none: null,
    f: 1.5,
  });
  const twice = parseYaml("metadata:\n  name: a\n  name: b\n");
  assert.deepEqual(twice.duplicates, ['yaml: unmarshal errors:\n  line 3: key "name" already set in map']);
  assert.deepEqual(twice.value, { metadata: { name: "b" } });
  const bomb = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
  for (let level = 1; level < 9; level++)
    bomb.push(`a${level}: &a${level} [${`*a${level - 1},`.repeat(10)}]`);
  assert.throws(() => parseYaml(bomb.join("\n")), DecodeError);
  assert.throws(() => parseYaml("a: [1"), DecodeError);
  const body = parseYaml("kind: Pod\nmetadata: {name: a}\n");
  assert.deepEqual(decodeParsed(body, new Uint8Array(), pod).object["metadata"], { name: "a" });
});
