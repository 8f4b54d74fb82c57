import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { resources } from "./resources.ts";
import { hasSchema, schemaOf } from "./schemas.ts";

const core = "io.k8s.api.core.v1";

function fieldOf(type: string, field: string) {
  const found = schemaOf(type).fields.get(field);
  assert.ok(found, `${type} has no ${field}`);
  return found;
}

test("schemaOf: every type of the data decodes, and is the same object each time", () => {
  const data: Record<string, unknown> = JSON.parse(
    readFileSync(new URL("data/schemas.json", import.meta.url), "utf8"),
  );
  for (const type of Object.keys(data)) assert.equal(schemaOf(type), schemaOf(type));
  assert.ok(Object.keys(data).length > 400);
  assert.throws(() => schemaOf("io.k8s.api.core.v1.Nothing"), RangeError);
});

test("schemaOf: every served resource has its type and that of its list", () => {
  for (const { type, listKind, verbs } of resources) {
    assert.ok(hasSchema(type), type);
    if (verbs.includes("list")) assert.ok(hasSchema(type.replace(/[^.]+$/, listKind)), listKind);
  }
});

test("schemaOf: fields know their list keys, patch strategy, number, default and presence", () => {
  const ports = fieldOf(`${core}.Container`, "ports");
  assert.equal(ports.value.kind, "list");
  assert.deepEqual(ports.value.kind === "list" && ports.value.keys, ["containerPort", "protocol"]);
  assert.deepEqual([ports.patchStrategy, ports.patchMergeKey, ports.number], [["merge"], "containerPort", 6]);
  assert.equal(fieldOf(`${core}.ContainerPort`, "protocol").default, "TCP");
  assert.deepEqual(fieldOf(`${core}.PodSpec`, "volumes").patchStrategy, ["merge", "retainKeys"]);
  assert.equal(fieldOf(`${core}.PodSpec`, "terminationGracePeriodSeconds").presence, "explicit");
  assert.equal(fieldOf(`${core}.PodSpec`, "hostNetwork").presence, "nonzero");
  assert.equal(fieldOf(`${core}.ContainerStatus`, "restartCount").presence, "always");
  assert.deepEqual(fieldOf(`${core}.Service`, "status").default, {});
});

test("schemaOf: what Go embeds is found behind the numbers of the messages around it", () => {
  const hostPath = fieldOf(`${core}.Volume`, "hostPath");
  assert.deepEqual([hostPath.embeddedIn, hostPath.number], [[2], 1]);
  const scope = fieldOf("io.k8s.api.admissionregistration.v1.NamedRuleWithOperations", "scope");
  assert.deepEqual([scope.embeddedIn, scope.number], [[2, 2], 4]);
});

test("schemaOf: selectors and references are one value to apply, maps may be too", () => {
  assert.ok(schemaOf("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector").isAtomic);
  const selector = fieldOf(`${core}.ServiceSpec`, "selector").value;
  assert.ok(selector.kind === "map" && selector.isAtomic);
});
