import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import { type Loose, Rest } from "../support/rest.ts";

// What conformance asks of custom kinds, the garbage collector, namespaces and quotas, in its steps.

const merge = { type: "application/merge-patch+json" };
const json = { type: "application/json-patch+json" };
const space = "/api/v1/namespaces/default";
const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

let cluster: ClusterUnderTest;
let rest: Rest;
before(async () => {
  cluster = await ClusterUnderTest.start();
  rest = new Rest(cluster.transport);
});
after(() => cluster?.[Symbol.asyncDispose]());

const text = { type: "string" };
const kept = { "x-kubernetes-preserve-unknown-fields": true };
const whole = { type: "object", properties: { spec: { type: "object", properties: { bars: text } } } };

interface Version {
  readonly name: string;
  readonly schema?: Loose;
  readonly [field: string]: unknown;
}

function definition(group: string, plural: string, versions: readonly Version[], more: Loose = {}): Loose {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}`, ...more },
    spec: {
      group,
      scope: "Namespaced",
      names: { plural, kind: kindOf(plural) },
      versions: versions.map(({ schema = whole, ...own }, at) => ({
        served: true,
        storage: at === 0,
        schema: { openAPIV3Schema: schema },
        ...own,
      })),
    },
  };
}

const kindOf = (plural: string) => `${plural[0]?.toUpperCase()}${plural.slice(1, -1)}`;
const isEstablished = ({ status }: Loose) =>
  status?.conditions?.some(({ type, status: is }: Loose) => type === "Established" && is === "True") === true;

async function define(
  group: string,
  plural: string,
  versions: readonly Version[],
  more?: Loose,
): Promise<string> {
  await rest.ok("POST", definitions, definition(group, plural, versions, more));
  const path = `${definitions}/${plural}.${group}`;
  await rest.until(path, isEstablished);
  return path;
}

test("definitions: their status is read and written apart, many are listed and go at once", async () => {
  const path = await define("single.example.com", "singles", [{ name: "v1" }]);
  const condition = (type: string) => ({
    type,
    status: "True",
    reason: "E2E",
    message: "Set from an e2e test",
  });
  const now = await rest.ok("GET", `${path}/status`);
  assert.ok(isEstablished(now));
  const conditions = [...now["status"].conditions, condition("StatusPatched")];
  await rest.ok("PATCH", `${path}/status`, { status: { conditions } }, merge);
  const patched = await rest.ok("GET", path);
  patched["status"].conditions.push(condition("StatusUpdated"));
  const updated = await rest.ok("PUT", `${path}/status`, patched);
  const types = updated["status"].conditions.map(({ type }: Loose) => type);
  for (const type of ["StatusPatched", "StatusUpdated"]) assert.ok(types.includes(type), types.join());
  for (const at of ["as", "bs", "cs"])
    await define("many.example.com", at, [{ name: "v1" }], { labels: { many: "yes" } });
  const many = `${definitions}?labelSelector=many%3Dyes`;
  assert.equal((await rest.ok("GET", many))["items"].length, 3);
  await rest.ok("DELETE", many);
  await rest.until(many, ({ items }) => items.length === 0);
});

test("custom resources: watches tell of each of them, in order", async () => {
  await define("watched.example.com", "watches", [{ name: "v1" }]);
  const path = "/apis/watched.example.com/v1/namespaces/default/watches";
  const told: string[] = [];
  const { metadata } = await rest.ok("GET", path);
  const events = rest.watch(`${path}?watch=1&resourceVersion=${metadata.resourceVersion}`);
  for (const name of ["a", "b"])
    await rest.ok("POST", path, { apiVersion: "watched.example.com/v1", kind: "Watche", metadata: { name } });
  for (const name of ["a", "b"]) await rest.ok("PATCH", `${path}/${name}`, { spec: { bars: "1" } }, merge);
  for (const name of ["a", "b"]) await rest.ok("DELETE", `${path}/${name}`);
  for await (const { type, object } of events) {
    told.push(`${type} ${object.metadata.name}`);
    if (told.length === 6) break;
  }
  assert.deepEqual(told, ["ADDED a", "ADDED b", "MODIFIED a", "MODIFIED b", "DELETED a", "DELETED b"]);
});

/** The published definitions of a group, by version and kind. */
async function published(group: string): Promise<Record<string, Loose>> {
  const { definitions: all } = await rest.ok("GET", "/openapi/v2");
  const prefix = `${group.split(".").reverse().join(".")}.`;
  return Object.fromEntries(
    Object.entries(all as Record<string, Loose>)
      .filter(([name]) => name.startsWith(prefix) && !name.endsWith("List"))
      .map(([name, schema]) => [name.slice(prefix.length), schema] as const),
  );
}

test("OpenAPI: custom kinds are published as they are defined, of one group or of several", async () => {
  const open = { type: "object", ...kept };
  const embedded = {
    type: "object",
    properties: { spec: { ...open, "x-kubernetes-embedded-resource": true } },
  };
  const described = {
    ...whole,
    description: "Foo CRD for Testing",
    properties: {
      spec: {
        type: "object",
        required: ["bars"],
        properties: { bars: { ...text, description: "List of Bars" } },
      },
    },
  };
  const group = "open.example.com";
  await define(group, "foos", [{ name: "v1", schema: described }]);
  await define(group, "bars", [{ name: "v1", schema: open }]);
  await define(group, "bazs", [
    { name: "v1", schema: embedded },
    { name: "v2", schema: whole },
  ]);
  await define("other.example.com", "foos", [{ name: "v1" }]);
  const own = await published(group);
  assert.deepEqual(Object.keys(own).sort(), ["v1.Bar", "v1.Baz", "v1.Foo", "v2.Baz"]);
  const foo = own["v1.Foo"] ?? {};
  assert.equal(foo["description"], "Foo CRD for Testing");
  assert.deepEqual(foo["properties"].spec, described.properties.spec);
  assert.match(foo["properties"].metadata.description, /Standard object's metadata/);
  assert.deepEqual(foo["x-kubernetes-group-version-kind"], [{ group, version: "v1", kind: "Foo" }]);
  assert.equal(own["v1.Bar"]?.["x-kubernetes-preserve-unknown-fields"], true);
  assert.equal(own["v1.Baz"]?.["properties"].spec["x-kubernetes-preserve-unknown-fields"], true);
  assert.deepEqual(own["v2.Baz"]?.["properties"].spec, whole.properties.spec);
  assert.deepEqual(Object.keys(await published("other.example.com")), ["v1.Foo"]);
  // What a client makes of it.
  const explained = await cluster.kubectl("1.35", [
    "explain",
    "foos.spec",
    "--api-version=open.example.com/v1",
  ]);
  assert.match(explained.out, /bars\t<string> -required-\n\s+List of Bars/);
  const invalid = {
    apiVersion: `${group}/v1`,
    kind: "Foo",
    metadata: { name: "a" },
    spec: { bars: "1", more: 1 },
  };
  const refused = await cluster.kubectl("1.35", ["create", "-f", "-"], JSON.stringify(invalid));
  assert.match(refused.err, /unknown field "spec.more"/);
});

test("OpenAPI: a version that is renamed or not served any more is not published any more", async () => {
  const group = "versions.example.com";
  const path = await define(group, "olds", [{ name: "v2" }, { name: "v3" }]);
  const before2 = await published(group);
  assert.deepEqual(Object.keys(before2).sort(), ["v2.Old", "v3.Old"]);
  const rename = [{ op: "replace", path: "/spec/versions/1/name", value: "v4" }];
  await rest.ok("PATCH", path, rename, json);
  await untilPublished(group, ["v2.Old", "v4.Old"]);
  assert.deepEqual((await published(group))["v2.Old"], before2["v2.Old"]);
  await rest.ok("PATCH", path, [{ op: "replace", path: "/spec/versions/1/served", value: false }], json);
  await untilPublished(group, ["v2.Old"]);
  assert.deepEqual((await published(group))["v2.Old"], before2["v2.Old"]);
});

/** Documents cannot be watched. */
async function untilPublished(group: string, wanted: readonly string[]): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    const names = Object.keys(await published(group)).sort();
    if (names.join() === wanted.join()) return;
  }
  assert.fail(`${wanted.join()} is not what is published of ${group}`);
}

test("discovery: custom kinds are in what is aggregated, with their scope and verbs", async () => {
  await define("found.example.com", "founds", [{ name: "v1" }, { name: "v2" }]);
  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
  const answer = await rest.send("GET", "/apis", undefined, { accept });
  assert.match(answer.headers["content-type"] ?? "", /g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList/);
  const own = answer.body["items"].find(({ metadata }: Loose) => metadata.name === "found.example.com");
  assert.deepEqual(
    own.versions.map(({ version }: Loose) => version),
    ["v2", "v1"],
  );
  const [{ resource, scope, responseKind, verbs }] = own.versions[1].resources;
  assert.deepEqual(
    [resource, scope, responseKind],
    ["founds", "Namespaced", { group: "found.example.com", version: "v1", kind: "Found" }],
  );
  assert.ok(verbs.includes("watch"));
  const { groups } = await rest.ok("GET", "/apis");
  assert.ok(groups.some(({ name }: Loose) => name === "found.example.com"));
});

async function controller(name: string): Promise<Loose> {
  const labels = { rc: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "one" }] } };
  const path = `${space}/replicationcontrollers`;
  const made = await rest.ok("POST", path, {
    apiVersion: "v1",
    kind: "ReplicationController",
    metadata: { name },
    spec: { replicas: 3, selector: labels, template },
  });
  await rest.until(podsOf(name), ({ items }) => items.length === 3);
  return made["metadata"];
}

const podsOf = (name: string) => `${space}/pods?labelSelector=rc%3D${name}`;
const gone = (name: string) => rest.send("GET", `${space}/replicationcontrollers/${name}`);

async function remove(name: string, propagationPolicy: string): Promise<void> {
  await rest.ok("DELETE", `${space}/replicationcontrollers/${name}`, { propagationPolicy });
}

test("garbage collector: pods go with their controller, stay without it, or hold it", async () => {
  await controller("quick");
  await remove("quick", "Background");
  await rest.until(podsOf("quick"), ({ items }) => items.length === 0);
  await controller("orphaning");
  await remove("orphaning", "Orphan");
  await rest.until(podsOf("orphaning"), ({ items }) =>
    items.every(({ metadata }: Loose) => metadata.ownerReferences === undefined),
  );
  assert.equal((await rest.ok("GET", podsOf("orphaning")))["items"].length, 3);
  await controller("held");
  const { items } = await rest.ok("GET", podsOf("held"));
  const pod = `${space}/pods/${items[0].metadata.name}`;
  await rest.ok("PATCH", pod, { metadata: { finalizers: ["example.com/hold"] } }, merge);
  await remove("held", "Foreground");
  await rest.until(podsOf("held"), (all) => all["items"].length === 1);
  const holder = (await gone("held")).body;
  assert.deepEqual(holder["metadata"].finalizers, ["foregroundDeletion"]);
  await rest.ok("PATCH", pod, { metadata: { finalizers: null } }, merge);
  await rest.until(`${space}/replicationcontrollers`, (all) =>
    all["items"].every(({ metadata }: Loose) => metadata.name !== "held"),
  );
  assert.equal((await rest.ok("GET", podsOf("held")))["items"].length, 0);
});

test("garbage collector: who has another owner stays when the one that waits for its dependents goes", async () => {
  const leaving = await controller("leaving");
  const staying = await controller("staying");
  const { items } = await rest.ok("GET", podsOf("leaving"));
  const shared = (items as Loose[]).slice(0, 2).map((pod) => pod["metadata"].name as string);
  const owner = { apiVersion: "v1", kind: "ReplicationController", name: "staying", uid: staying["uid"] };
  for (const name of shared)
    await rest.ok(
      "PATCH",
      `${space}/pods/${name}`,
      [{ op: "add", path: "/metadata/ownerReferences/-", value: owner }],
      json,
    );
  await remove("leaving", "Foreground");
  const left = await rest.until(
    podsOf("leaving"),
    (all) =>
      all["items"].length === 2 &&
      all["items"].every(({ metadata }: Loose) => metadata.ownerReferences.length === 1),
  );
  assert.deepEqual(left["items"].map(({ metadata }: Loose) => metadata.name).sort(), shared.toSorted());
  for (const { metadata } of left["items"]) {
    assert.equal(metadata.deletionTimestamp, undefined);
    assert.notEqual(metadata.ownerReferences[0].uid, leaving["uid"]);
  }
  await rest.until(`${space}/replicationcontrollers`, (all) =>
    all["items"].every(({ metadata }: Loose) => metadata.name !== "leaving"),
  );
});

test("namespaces: a finalizer holds one; its services go with it", async () => {
  const made = await rest.ok("POST", "/api/v1/namespaces", { metadata: { name: "held" } });
  const finalizer = "example.com/fake";
  made["spec"].finalizers.push(finalizer);
  const held = await rest.ok("PUT", "/api/v1/namespaces/held/finalize", made);
  assert.deepEqual(held["spec"].finalizers, ["kubernetes", finalizer]);
  const port = { port: 80, targetPort: 80 };
  await rest.ok("POST", "/api/v1/namespaces/held/services", {
    metadata: { name: "s" },
    spec: { ports: [port] },
  });
  await rest.ok("DELETE", "/api/v1/namespaces/held");
  const only = await rest.until(
    "/api/v1/namespaces/held",
    ({ spec }) => spec.finalizers?.join() === finalizer,
  );
  assert.equal(only["status"].phase, "Terminating");
  assert.equal((await rest.ok("GET", "/api/v1/namespaces/held/services"))["items"].length, 0);
  only["spec"].finalizers = [];
  await rest.ok("PUT", "/api/v1/namespaces/held/finalize", only);
  await rest.until("/api/v1/namespaces", ({ items }) =>
    items.every(({ metadata }: Loose) => metadata.name !== "held"),
  );
  await rest.ok("POST", "/api/v1/namespaces", { metadata: { name: "held" } });
  assert.equal((await rest.ok("GET", "/api/v1/namespaces/held/services"))["items"].length, 0);
});

test("endpoints that somebody writes for a service without pods are mirrored in slices, as they change", async () => {
  const slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
  const own = `${slices}?labelSelector=kubernetes.io%2Fservice-name%3Dmirrored`;
  const subset = (ip: string, port: number) => ({ addresses: [{ ip }], ports: [{ name: "a", port }] });
  const ports = [{ name: "a", port: 80 }];
  await rest.ok("POST", `${space}/services`, { metadata: { name: "mirrored" }, spec: { ports } });
  await rest.ok("POST", `${space}/endpoints`, {
    metadata: { name: "mirrored", labels: { kept: "yes" } },
    subsets: [{ ...subset("10.1.2.3", 80), notReadyAddresses: [{ ip: "10.1.2.4" }] }],
  });
  const { items } = await rest.until(own, (all) => all["items"].length === 1);
  const [{ metadata, endpoints, ports: told, addressType }] = items;
  assert.deepEqual(
    endpoints.map(({ addresses, conditions }: Loose) => [addresses[0], conditions.ready]),
    [
      ["10.1.2.3", true],
      ["10.1.2.4", false],
    ],
  );
  assert.deepEqual([told[0].port, addressType, metadata.labels.kept], [80, "IPv4", "yes"]);
  assert.equal(
    metadata.labels["endpointslice.kubernetes.io/managed-by"],
    "endpointslicemirroring-controller.k8s.io",
  );
  assert.equal(metadata.ownerReferences[0].kind, "Endpoints");
  await rest.ok("PATCH", `${space}/endpoints/mirrored`, { subsets: [subset("10.2.3.4", 81)] }, merge);
  await rest.until(
    own,
    (all) =>
      all["items"].length === 1 &&
      all["items"][0].endpoints[0].addresses[0] === "10.2.3.4" &&
      all["items"][0].ports[0].port === 81,
  );
  await rest.ok("DELETE", `${space}/endpoints/mirrored`);
  await rest.until(own, (all) => all["items"].length === 0);
});

test("quotas: what ends by itself and what does not are counted apart", async () => {
  await rest.ok("POST", "/api/v1/namespaces", { metadata: { name: "counted" } });
  const path = "/api/v1/namespaces/counted";
  await rest.until(`${path}/serviceaccounts`, ({ items }) => items.length > 0);
  const hard = { pods: "5", "requests.cpu": "1" };
  for (const scope of ["Terminating", "NotTerminating"])
    await rest.ok("POST", `${path}/resourcequotas`, {
      metadata: { name: scope.toLowerCase() },
      spec: { hard, scopes: [scope] },
    });
  const usedBy = (terminating: string, other: string) =>
    rest.until(`${path}/resourcequotas`, ({ items }) =>
      items.every(
        ({ metadata, status }: Loose) =>
          status.used?.pods === (metadata.name === "terminating" ? terminating : other),
      ),
    );
  await usedBy("0", "0");
  const container = {
    name: "c",
    image: "one",
    resources: { requests: { cpu: "500m" }, limits: { cpu: "500m" } },
  };
  const add = (name: string, more: Loose = {}) =>
    rest.ok("POST", `${path}/pods`, { metadata: { name }, spec: { containers: [container], ...more } });
  await add("long");
  await usedBy("0", "1");
  await rest.ok("DELETE", `${path}/pods/long`);
  await usedBy("0", "0");
  await add("short", { activeDeadlineSeconds: 3600 });
  const { items } = await usedBy("1", "0");
  const ending = items.find(({ metadata }: Loose) => metadata.name === "terminating");
  assert.equal(ending.status.used["requests.cpu"], "500m");
  await rest.ok("DELETE", `${path}/pods/short`);
  await usedBy("0", "0");
});
