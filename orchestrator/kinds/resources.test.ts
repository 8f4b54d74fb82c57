import assert from "node:assert/strict";
import { test } from "node:test";
import { resources } from "./resources.ts";

function find(group: string, resource: string) {
  const found = resources.find((each) => each.group === group && each.resource === resource);
  assert.ok(found);
  return found;
}

test("resources: pods have what discovery tells of them", () => {
  const pods = find("", "pods");
  assert.deepEqual(
    [pods.kind, pods.listKind, pods.singular, pods.isNamespaced],
    ["Pod", "PodList", "pod", true],
  );
  assert.deepEqual([pods.shortNames, pods.categories], [["po"], ["all"]]);
  assert.equal(pods.verbs.join(), "create,delete,deletecollection,get,list,patch,update,watch");
  const names = "attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status";
  assert.equal(pods.subresources.map((sub) => sub.name).join(), names);
  const eviction = pods.subresources.find((sub) => sub.name === "eviction");
  assert.deepEqual(eviction, {
    name: "eviction",
    verbs: ["create"],
    kind: "Eviction",
    group: "policy",
    version: "v1",
  });
});

test("resources: namespaces cannot be deleted as a collection; reviews are only created", () => {
  assert.ok(!find("", "namespaces").verbs.includes("deletecollection"));
  assert.deepEqual(find("authorization.k8s.io", "subjectaccessreviews").verbs, ["create"]);
  assert.ok(find("authorization.k8s.io", "localsubjectaccessreviews").isNamespaced);
});

test("resources: only v1 and autoscaling/v2 are there, each once", () => {
  const keys = resources.map(({ group, version, resource }) => `${group}/${version}/${resource}`);
  assert.equal(new Set(keys).size, keys.length);
  assert.deepEqual(
    resources.filter(({ version }) => version !== "v1").map(({ group, version }) => `${group}/${version}`),
    ["autoscaling/v2"],
  );
});
