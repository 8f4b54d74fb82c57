import assert from "node:assert/strict";
import { test } from "node:test";
import { WireReader } from "#orchestrator/machinery/wire-reader.ts";
import { encodeOpenApiV2 } from "./gnostic.ts";
import { isNode } from "./source.ts";
import { openApiV2 } from "./v2.ts";
import { customOpenApiV3, openApiV3, openApiV3Hash, openApiV3Index, openApiV3Parts } from "./v3.ts";

const version = "v1.36.0";

test("openApiV2: has the built-in kinds and what was added, each with its extensions", () => {
  const { definitions, paths, info } = openApiV2(version, [
    { definitions: { "com.example.v1.Foo": { type: "object" } }, paths: { "/apis/example.com/v1/foos": {} } },
  ]);
  assert.equal(info.version, version);
  assert.deepEqual(definitions["com.example.v1.Foo"], { type: "object" });
  assert.ok("/apis/example.com/v1/foos" in paths && "/api/v1/namespaces/{namespace}/pods" in paths);
  const { properties } = definitions["io.k8s.api.core.v1.PodSpec"] ?? {};
  const volumes = isNode(properties) ? properties["volumes"] : undefined;
  assert.ok(isNode(volumes) && volumes["x-kubernetes-patch-strategy"] === "merge,retainKeys");
});

test("openApiV2: every reference has its definition", () => {
  const document = openApiV2(version, []);
  for (const [, name = ""] of JSON.stringify(document).matchAll(/"#\/definitions\/([^"]+)"/g)) {
    assert.ok(name in document.definitions, name);
  }
});

test("openApiV3: every part has a document whose references hold", () => {
  for (const part of ["api/v1", "apis/apps/v1", "apis/autoscaling/v2", "apis/apps", "version"]) {
    const document = openApiV3(part, version);
    assert.ok(document, part);
    for (const [, name = ""] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      assert.ok(name in document.components.schemas, name);
    }
  }
  assert.equal(openApiV3("apis/nothing/v1", version), undefined);
});

test("openApiV3: references stand in allOf, with defaults; bodies and parameters have v3's form", () => {
  const document = openApiV3("apis/apps/v1", version);
  const { properties } = document?.components.schemas["io.k8s.api.apps.v1.Deployment"] ?? {};
  const spec = isNode(properties) && isNode(properties["spec"]) ? properties["spec"] : {};
  assert.deepEqual(spec["allOf"], [{ $ref: "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec" }]);
  assert.deepEqual(spec["default"], {});
  const item = document?.paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"];
  const patch = JSON.stringify(item?.["patch"]);
  assert.match(patch, /"requestBody":\{"content":\{"application\/json-patch\+json":\{"schema":\{"\$ref"/);
  assert.match(patch, /"name":"fieldValidation","schema":\{"type":"string","uniqueItems":true\}/);
  assert.doesNotMatch(JSON.stringify(item), /#\/parameters/);
});

test("customOpenApiV3: a group of custom resources, with what they take from the built-in definitions", () => {
  const type = "com.example.v1.Foo";
  const metadata = { $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" };
  const responses = { "200": { description: "OK", schema: { $ref: `#/definitions/${type}` } } };
  const document = customOpenApiV3(
    [
      {
        definitions: { [type]: { type: "object", properties: { metadata } } },
        paths: { "/apis/example.com/v1/foos": { get: { produces: ["application/json"], responses } } },
      },
    ],
    version,
  );
  const { schemas } = document.components;
  assert.ok(type in schemas && "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference" in schemas);
  assert.ok(!("io.k8s.api.core.v1.Pod" in schemas));
});

test("openApiV3Index: names each part with a hash that stays as long as its document", () => {
  const hashes = Object.fromEntries(openApiV3Parts().map((part) => [part, openApiV3Hash(part, version)]));
  const { paths } = openApiV3Index(hashes);
  assert.ok(isNode(paths));
  assert.deepEqual(paths["api/v1"], { serverRelativeURL: `/openapi/v3/api/v1?hash=${hashes["api/v1"]}` });
  assert.ok("apis/apps/v1" in paths && "version" in paths);
});

test("encodeOpenApiV2: a document of gnostic's, with its paths and definitions", () => {
  const reader = new WireReader(encodeOpenApiV2(openApiV2(version, [])));
  const seen = new Map<number, number>();
  while (!reader.isDone) {
    const number = reader.tag() >>> 3;
    seen.set(number, reader.bytes().length);
  }
  assert.deepEqual(
    [...seen.keys()].toSorted((a, b) => a - b),
    [1, 2, 8, 9, 10, 12, 13],
  );
  assert.ok((seen.get(8) ?? 0) > 500_000 && (seen.get(9) ?? 0) > 500_000);
});
