import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node } from "#api/kube/types/core.ts";
import type { NodeSelectorRequirement } from "#api/kube/types/core-volumes.ts";
import { matchesTerm } from "./node-affinity.ts";

const node = {
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "a", labels: { zone: "b", cores: "8", memory: "12abc", serial: "9007199254740993" } },
  spec: {},
} as Node;

const has = (key: string, operator: NodeSelectorRequirement["operator"], ...values: readonly string[]) =>
  matchesTerm({ matchExpressions: [{ key, operator, values }] }, node);

test("matchesTerm: every operator, and a term without requirements matches nothing", () => {
  assert.ok(has("zone", "In", "a", "b") && has("zone", "NotIn", "c") && has("rack", "NotIn", "c"));
  assert.ok(has("zone", "Exists") && has("rack", "DoesNotExist"));
  assert.ok(has("cores", "Gt", "7") && has("cores", "Lt", "9") && !has("cores", "Gt", "8"));
  assert.ok(matchesTerm({ matchFields: [{ key: "metadata.name", operator: "In", values: ["a"] }] }, node));
  assert.equal(matchesTerm({}, node), false);
});

test("matchesTerm: a label is what the node has, not what every object of the language has", () => {
  assert.equal(has("constructor", "Exists"), false);
  assert.equal(has("constructor", "DoesNotExist"), true);
});

test("matchesTerm: Gt and Lt compare whole integers of 64 bits, and nothing else", () => {
  assert.equal(has("memory", "Gt", "1"), false);
  assert.equal(has("serial", "Gt", "9007199254740992"), true);
});
