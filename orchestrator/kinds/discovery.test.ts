import assert from "node:assert/strict";
import { test } from "node:test";
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  compareVersions,
  servedGroups,
} from "./discovery.ts";
import { resources } from "./resources.ts";

const groups = servedGroups(resources);

test("servedGroups: core first, then in upstream's order, the preferred version first", () => {
  assert.deepEqual(groups.map(({ name }) => name).slice(0, 7), [
    "apiregistration.k8s.io",
    "",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
  ]);
  assert.deepEqual(groups.find(({ name }) => name === "autoscaling")?.versions, ["v2", "v1"]);
  assert.equal(JSON.stringify(apiGroupList(groups)).includes('"name":""'), false);
});

test("compareVersions: stable before beta before alpha before what is no version", () => {
  const sorted = ["foo1", "v1alpha1", "v10", "v1beta1", "v2", "v11beta2", "foo10", "v1", "v3beta1"];
  assert.deepEqual(sorted.toSorted(compareVersions), [
    "v10",
    "v2",
    "v1",
    "v11beta2",
    "v3beta1",
    "v1beta1",
    "v1alpha1",
    "foo1",
    "foo10",
  ]);
});

test("apiGroup: names its preferred version", () => {
  assert.deepEqual(apiGroup({ name: "apps", versions: ["v1"] }), {
    kind: "APIGroup",
    apiVersion: "v1",
    name: "apps",
    versions: [{ groupVersion: "apps/v1", version: "v1" }],
    preferredVersion: { groupVersion: "apps/v1", version: "v1" },
  });
});

test("apiResourceList: resources with their subresources, by name, with upstream's storage version hashes", () => {
  const list = apiResourceList(
    "",
    "v1",
    resources.filter(({ group }) => group === ""),
  );
  const text = JSON.stringify(list);
  assert.ok(text.startsWith('{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"bindings"'));
  assert.ok(
    text.includes(
      '{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"shortNames":["po"],"categories":["all"],"storageVersionHash":"xPOwRZ+Yhw8="}',
    ),
  );
  assert.ok(
    text.includes(
      '{"name":"pods/eviction","singularName":"","namespaced":true,"group":"policy","version":"v1","kind":"Eviction","verbs":["create"]}',
    ),
  );
});

test("aggregatedDiscovery: everything of one path in one document", () => {
  const core = JSON.stringify(aggregatedDiscovery("/api", "v2", resources));
  assert.ok(core.startsWith('{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2"'));
  assert.ok(
    core.includes(
      '"resource":"pods","responseKind":{"group":"","version":"v1","kind":"Pod"},"scope":"Namespaced"',
    ),
  );
  assert.ok(!core.includes('"resource":"deployments"'));
  const others = JSON.stringify(aggregatedDiscovery("/apis", "v2beta1", resources));
  assert.ok(
    others.includes(
      '"subresource":"scale","responseKind":{"group":"autoscaling","version":"v1","kind":"Scale"}',
    ),
  );
});
