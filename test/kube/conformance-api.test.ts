import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import { type Loose, Rest } from "../support/rest.ts";

// What conformance asks of the API beyond single kinds, in its steps.

const merge = { type: "application/merge-patch+json" };
const core = "/api/v1/namespaces/default";
const image = { name: "c", image: "one" };

let cluster: ClusterUnderTest;
let rest: Rest;
before(async () => {
  cluster = await ClusterUnderTest.start();
  rest = new Rest(cluster.transport);
  await until(`${core}/serviceaccounts`, ({ metadata }) => metadata.name === "default");
});
after(() => cluster[Symbol.asyncDispose]());

/** The first object of a collection that is as wanted, as soon as there is one. */
async function until(path: string, isWanted: (object: Loose) => boolean): Promise<Loose> {
  const { items, metadata } = await rest.ok("GET", path);
  const found = (items as Loose[]).find((one) => isWanted(one));
  if (found !== undefined) return found;
  const sign = path.includes("?") ? "&" : "?";
  for await (const { object } of rest.watch(
    `${path}${sign}watch=1&resourceVersion=${metadata.resourceVersion}`,
  ))
    if (isWanted(object)) return object;
  return assert.fail(`nothing in ${path} became what was wanted`);
}

async function namespace(name: string): Promise<string> {
  await rest.ok("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  const path = `/api/v1/namespaces/${name}`;
  await until(`${path}/serviceaccounts`, ({ metadata }) => metadata.name === "default");
  return path;
}

function configMap(name: string, data: Loose = {}, labels: Loose = {}): Loose {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels }, data };
}

function pod(name: string, spec: Loose = {}, metadata: Loose = {}): Loose {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...metadata },
    spec: { containers: [image], ...spec },
  };
}

async function refused(path: string, object: unknown, code: number): Promise<string> {
  const { status, body } = await rest.send("POST", path, object);
  assert.equal(status, code, JSON.stringify(body));
  return body["message"] as string;
}

const deployment = (more: string, meta = "") =>
  `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"${meta}},"spec":{${more}"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`;

test("field validation: unknown and duplicate fields of typed objects are refused, warned of, or ignored", async () => {
  const path = "/apis/apps/v1/namespaces/default/deployments?dryRun=All&fieldValidation=";
  const wrong = deployment('"foo":1,"paused":true,"paused":false,');
  const told = await refused(`${path}Strict`, wrong, 400);
  assert.match(told, /strict decoding error: .*unknown field "spec.foo"/);
  assert.match(told, /duplicate field "spec.paused"/);
  const warned = await rest.send("POST", `${path}Warn`, wrong);
  assert.equal(warned.status, 201);
  assert.match(warned.headers["warning"] ?? "", /duplicate field .*unknown field .*spec.foo/s);
  const ignored = await rest.send("POST", `${path}Ignore`, wrong);
  assert.deepEqual([ignored.status, ignored.headers["warning"]], [201, undefined]);
  const meta = await refused(`${path}Strict`, deployment("", ',"unknownMeta":"x"'), 400);
  assert.match(meta, /unknown field "metadata.unknownMeta"/);
});

function definition(plural: string, schema: Loose): Loose {
  const kind = plural[0]?.toUpperCase() + plural.slice(1, -1);
  const version = { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.fields.example.com` },
    spec: {
      group: "fields.example.com",
      scope: "Namespaced",
      names: { plural, kind },
      versions: [version],
    },
  };
}

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

async function define(plural: string, schema: Loose): Promise<string> {
  await rest.ok("POST", definitions, definition(plural, schema));
  await until(
    definitions,
    ({ metadata, status }) =>
      metadata.name === `${plural}.fields.example.com` &&
      status?.conditions?.some(({ type, status: is }: Loose) => type === "Established" && is === "True"),
  );
  return `/apis/fields.example.com/v1/namespaces/default/${plural}`;
}

test("field validation: of custom resources, with a schema, with fields that are kept, and with an embedded object", async () => {
  const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const embedded = { ...open, "x-kubernetes-embedded-resource": true };
  const spec = { type: "object", properties: { a: { type: "string" }, template: embedded } };
  const strict = await define("stricts", { type: "object", properties: { spec } });
  const loose = await define("looses", open);
  const body = (kind: string, own: string, meta = "") =>
    `{"apiVersion":"fields.example.com/v1","kind":"${kind}","metadata":{"name":"x"${meta}},"spec":{${own}}}`;
  const sure = "?fieldValidation=Strict&dryRun=All";
  await rest.ok("POST", `${strict}${sure}`, body("Strict", '"a":"b"'));
  await rest.ok("POST", `${loose}${sure}`, body("Loose", '"a":"b","whatever":{"c":1}'));
  const unknown = await refused(`${strict}${sure}`, body("Strict", '"a":"b","more":1'), 400);
  assert.match(unknown, /unknown field "spec.more"/);
  const twice = await refused(`${loose}${sure}`, body("Loose", '"a":"b","a":"c"'), 400);
  assert.match(twice, /duplicate field "spec.a"/);
  const template = '"template":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"y","unknownSub":1}}';
  const meta = await refused(
    `${strict}${sure}`,
    body("Strict", `"a":"b",${template}`, ',"unknownMeta":1'),
    400,
  );
  assert.match(meta, /unknown field "metadata.unknownMeta"/);
  assert.match(meta, /unknown field "spec.template.metadata.unknownSub"/);
  const apply = { type: "application/apply-patch+yaml" };
  const query = "?fieldManager=t&fieldValidation=Strict";
  const object = { apiVersion: "fields.example.com/v1", kind: "Strict", metadata: { name: "applied" } };
  const named = { ...object, spec: { a: "b", more: 1 } };
  const undeclared = await rest.send("PATCH", `${strict}/applied${query}`, named, apply);
  assert.match(undeclared.body["message"] as string, /spec\.more: field not declared in schema/);
  await rest.ok("PATCH", `${strict}/applied${query}`, { ...object, spec: { a: "b" } }, apply);
});

async function events(path: string, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const { type, object } of rest.watch(path)) {
    seen.push(`${type} ${object.metadata.name} ${object.data?.n ?? ""} ${object.metadata.resourceVersion}`);
    if (seen.length === count) break;
  }
  return seen;
}

test("watchers: several see the same in the same order, from any version on, within their selectors", async () => {
  const path = `${core}/configmaps`;
  const selected = (name: string) => `${path}?labelSelector=watch%3D${name}&watch=1`;
  const from = (await rest.ok("GET", path))["metadata"].resourceVersion;
  const labelled = { watch: "a" };
  const made = await rest.ok("POST", path, configMap("w1", { n: "0" }, labelled));
  await rest.ok("PATCH", `${path}/w1`, { data: { n: "1" } }, merge);
  await rest.ok("POST", path, configMap("w2", { n: "0" }, { watch: "b" }));
  await rest.ok("PATCH", `${path}/w1`, { metadata: { labels: { watch: "b" } } }, merge);
  await rest.ok("PATCH", `${path}/w1`, { metadata: { labels: { watch: "a" } }, data: { n: "2" } }, merge);
  await rest.ok("DELETE", `${path}/w1`);
  const all = await events(`${selected("a")}&resourceVersion=${from}`, 5);
  assert.deepEqual(
    all.map((line) => line.replace(/ \d+$/, "")),
    ["ADDED w1 0", "MODIFIED w1 1", "DELETED w1 1", "ADDED w1 2", "DELETED w1 2"],
  );
  const later = await events(`${selected("a")}&resourceVersion=${made["metadata"].resourceVersion}`, 4);
  assert.deepEqual(later, all.slice(1));
  const last = later[1]?.split(" ").at(-1);
  assert.deepEqual(await events(`${selected("a")}&resourceVersion=${last}`, 2), all.slice(3));
  const both = `${path}?labelSelector=watch&watch=1&resourceVersion=${from}`;
  const many = await Promise.all(Array.from({ length: 8 }, () => events(both, 6)));
  for (const seen of many) assert.deepEqual(seen, many[0]);
});

test("lists in chunks, tables, the version, discovery", async () => {
  const path = `${core}/podtemplates`;
  const template = { spec: { containers: [image] } };
  for (let at = 0; at < 12; at++)
    await rest.ok("POST", path, {
      apiVersion: "v1",
      kind: "PodTemplate",
      metadata: { name: `t${at}` },
      template,
    });
  const names: string[] = [];
  let next = "";
  do {
    const page = await rest.ok("GET", `${path}?limit=5&continue=${encodeURIComponent(next)}`);
    names.push(...page["items"].map(({ metadata }: Loose) => metadata.name));
    next = page["metadata"].continue ?? "";
    assert.equal(page["metadata"].remainingItemCount ?? 0, 12 - names.length);
  } while (next !== "");
  assert.equal(new Set(names).size, 12);
  const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
  assert.equal((await rest.ok("GET", path, undefined, { accept: table }))["kind"], "Table");
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { nonResourceAttributes: { path: "/", verb: "get" } },
  };
  const reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  assert.equal((await rest.send("POST", reviews, review, { accept: table })).status, 406);
  const version = await rest.ok("GET", "/version");
  assert.match(`${version["major"]}.${version["minor"]}`, /^1\.\d+$/);
  const { groups } = await rest.ok("GET", "/apis");
  for (const { name, preferredVersion, versions } of groups as Loose[]) {
    assert.ok(
      versions.some(({ groupVersion }: Loose) => groupVersion === preferredVersion.groupVersion),
      name,
    );
    assert.deepEqual((await rest.ok("GET", `/apis/${name}`))["preferredVersion"], preferredVersion);
    const { resources } = await rest.ok("GET", `/apis/${preferredVersion.groupVersion}`);
    assert.ok(resources.length > 0);
  }
  const accept = "application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList";
  for (const at of ["/api", "/apis"]) {
    const aggregated = await rest.send("GET", at, undefined, { accept });
    assert.equal(aggregated.body["kind"], "APIGroupDiscoveryList");
    assert.match(aggregated.headers["content-type"] ?? "", /as=APIGroupDiscoveryList/);
  }
});

test("keys, sysctls, runtime classes, inline volumes and classes of pods are as conformance has them", async () => {
  assert.match(await refused(`${core}/configmaps`, configMap("k", { "": "v" }), 422), /data\[\]/);
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "k" }, data: { "": "dg==" } };
  assert.match(await refused(`${core}/secrets`, secret, 422), /data\[\]/);
  for (const [path, object] of [
    ["configmaps", { ...configMap("fixed", { a: "1" }), immutable: true }],
    ["secrets", { ...secret, metadata: { name: "fixed" }, data: { a: "dg==" }, immutable: true }],
  ] as const) {
    await rest.ok("POST", `${core}/${path}`, object);
    for (const patch of [{ data: { a: "dw==" } }, { immutable: false }])
      assert.equal((await rest.send("PATCH", `${core}/${path}/fixed`, patch, merge)).status, 422);
    await rest.ok("PATCH", `${core}/${path}/fixed`, { metadata: { labels: { a: "b" } } }, merge);
    await rest.ok("DELETE", `${core}/${path}/fixed`);
  }
  const names = ["foo-", "kernel.shmmax", "safe-and-unsafe", "bar.."];
  const sysctls = names.map((name) => ({ name, value: "100000000" }));
  const said = await refused(`${core}/pods`, pod("sysctls", { securityContext: { sysctls } }), 422);
  assert.match(said, /Invalid value: "foo-".*Invalid value: "bar\.\."/s);
  assert.doesNotMatch(said, /safe-and-unsafe|kernel\.shmmax/);
  const classes = "/apis/node.k8s.io/v1/runtimeclasses";
  const runtime = {
    apiVersion: "node.k8s.io/v1",
    kind: "RuntimeClass",
    metadata: { name: "own" },
    handler: "h",
    overhead: { podFixed: { cpu: "10m" } },
  };
  const wanted = { runtimeClassName: "own" };
  await refused(`${core}/pods`, pod("runtime", wanted), 403);
  await rest.ok("POST", classes, runtime);
  const made = await rest.ok("POST", `${core}/pods`, pod("runtime", wanted));
  assert.deepEqual(made["spec"].overhead, { cpu: "10m" });
  await rest.ok("DELETE", `${classes}/own`);
  await refused(`${core}/pods`, pod("runtime2", wanted), 403);
  const volumes = [{ name: "v", csi: { driver: "d.example.com", volumeAttributes: { a: "b" } } }];
  const inline = await rest.ok("POST", `${core}/pods`, pod("inline", { volumes }));
  assert.equal(inline["spec"].volumes[0].csi.driver, "d.example.com");
  const resources = { cpu: "100m", memory: "100Mi" };
  const sure = { containers: [{ ...image, resources: { limits: resources, requests: resources } }] };
  assert.equal((await rest.ok("POST", `${core}/pods`, pod("sure", sure)))["status"].qosClass, "Guaranteed");
  const generation = async (patch: Loose) =>
    (await rest.ok("PATCH", `${core}/pods/sure`, patch, merge))["metadata"].generation as number;
  assert.equal((await rest.ok("GET", `${core}/pods/sure`))["metadata"].generation, 1);
  assert.equal(await generation({ metadata: { labels: { a: "b" } } }), 1);
  assert.equal(await generation({ spec: { activeDeadlineSeconds: 500 } }), 2);
  const numbered = await rest.ok("POST", `${core}/pods`, pod("numbered", {}, { generation: 100 }));
  assert.equal(numbered["metadata"].generation, 1);
});

test("limits are defaults of pods, and what quotas count comes and goes", async () => {
  const path = await namespace("limits");
  const [low, high] = [
    { cpu: "100m", memory: "200Mi" },
    { cpu: "500m", memory: "500Mi" },
  ];
  const limits = [
    { type: "Container", defaultRequest: low, default: high, max: { cpu: "1" }, min: { cpu: "50m" } },
  ];
  const range = { apiVersion: "v1", kind: "LimitRange", metadata: { name: "l" }, spec: { limits } };
  await rest.ok("POST", `${path}/limitranges`, range);
  const made = await rest.ok("POST", `${path}/pods`, pod("plain"));
  assert.deepEqual(made["spec"].containers[0].resources, { requests: low, limits: high });
  const tooMuch = { containers: [{ ...image, resources: { limits: { cpu: "2" } } }] };
  assert.match(
    await refused(`${path}/pods`, pod("much", tooMuch), 403),
    /maximum cpu usage per Container is 1/,
  );
  const counted = await namespace("counted");
  const kinds = { configmaps: 2, secrets: 1, services: 1, pods: 2, replicationcontrollers: 1 };
  const hard = {
    "count/replicasets.apps": "1",
    ...Object.fromEntries(Object.entries(kinds).map(([k, n]) => [k, `${n}`])),
  };
  const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q" }, spec: { hard } };
  await until(`${counted}/configmaps`, ({ metadata }) => metadata.name === "kube-root-ca.crt");
  await rest.ok("POST", `${counted}/resourcequotas`, quota);
  const used = (name: string, amount: string) =>
    until(`${counted}/resourcequotas`, ({ status }) => status?.used?.[name] === amount);
  await used("configmaps", "1");
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [image] } };
  const sets = counted.replace("/api/v1", "/apis/apps/v1");
  const lives: readonly (readonly [string, string, string, Loose])[] = [
    ["configmaps", `${counted}/configmaps`, "2", configMap("x")],
    ["secrets", `${counted}/secrets`, "1", { apiVersion: "v1", kind: "Secret", metadata: { name: "x" } }],
    [
      "services",
      `${counted}/services`,
      "1",
      { apiVersion: "v1", kind: "Service", metadata: { name: "x" }, spec: { ports: [{ port: 80 }] } },
    ],
    ["pods", `${counted}/pods`, "1", pod("x")],
    [
      "replicationcontrollers",
      `${counted}/replicationcontrollers`,
      "1",
      {
        apiVersion: "v1",
        kind: "ReplicationController",
        metadata: { name: "x" },
        spec: { replicas: 0, selector: { a: "b" }, template },
      },
    ],
    [
      "count/replicasets.apps",
      `${sets}/replicasets`,
      "1",
      {
        apiVersion: "apps/v1",
        kind: "ReplicaSet",
        metadata: { name: "x" },
        spec: { replicas: 0, selector: { matchLabels: { a: "b" } }, template },
      },
    ],
  ];
  for (const [name, at, amount, object] of lives) {
    await rest.ok("POST", at, object);
    await used(name, amount);
    if (name !== "pods") await refused(at, { ...object, metadata: { name: "y" } }, 403);
    await rest.ok("DELETE", `${at}/x`);
    await used(name, String(Number(amount) - 1));
  }
});

test("the cluster's own: its service with endpoints, its authority in each namespace, its tokens", async () => {
  const service = await rest.ok("GET", `${core}/services/kubernetes`);
  assert.deepEqual([service["spec"].ports[0].name, service["spec"].ports[0].port], ["https", 443]);
  const endpoints = await rest.ok("GET", `${core}/endpoints/kubernetes`);
  const slices = `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices`;
  const { items } = await rest.ok("GET", `${slices}?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes`);
  assert.deepEqual(items[0].endpoints[0].addresses, [endpoints["subsets"][0].addresses[0].ip]);
  const path = await namespace("trusting");
  const isWhole = ({ metadata, data }: Loose) =>
    metadata.name === "kube-root-ca.crt" && /BEGIN CERT/.test(data?.["ca.crt"] ?? "");
  const { metadata } = await until(`${path}/configmaps`, isWhole);
  await rest.ok("DELETE", `${path}/configmaps/kube-root-ca.crt`);
  await until(`${path}/configmaps`, (one) => isWhole(one) && one["metadata"].uid !== metadata.uid);
  await rest.ok("PATCH", `${path}/configmaps/kube-root-ca.crt`, { data: { "ca.crt": "" } }, merge);
  await until(`${path}/configmaps`, isWhole);
  const request = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: 600 },
  };
  const { status } = await rest.ok("POST", `${path}/serviceaccounts/default/token`, request);
  const review = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token: status.token },
  };
  const answer = await rest.ok("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review);
  assert.equal(answer["status"].user.username, "system:serviceaccount:trusting:default");
  const discovered = await rest.ok("GET", "/.well-known/openid-configuration");
  const keys = await rest.ok("GET", new URL(discovered["jwks_uri"] as string).pathname);
  assert.ok(keys["keys"].length > 0);
});

test("certificates are asked for, approved, and told in the status", async () => {
  const path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
  const words = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const out = ["-keyout", join(cluster.root, "csr.key"), "-subj", "/CN=conformance"];
  const pem = execFileSync("openssl", [...words, ...out], { stdio: ["ignore", "pipe", "ignore"] });
  const spec = { request: pem.toString("base64"), signerName: "example.com/own", usages: ["client auth"] };
  const request = {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "r" },
    spec,
  };
  const made = await rest.ok("POST", path, request);
  assert.equal(made["spec"].username, "kubernetes-admin");
  const condition = { type: "Approved", status: "True", reason: "Said", message: "m" };
  const patch = { status: { conditions: [condition] } };
  assert.equal(
    (await rest.ok("PATCH", `${path}/r/approval`, patch, merge))["status"].conditions[0].type,
    "Approved",
  );
  const other = { ...condition, type: "Other" };
  const told = { status: { conditions: [condition, other] } };
  assert.equal((await rest.ok("PATCH", `${path}/r/status`, told, merge))["status"].conditions.length, 2);
  await rest.ok("GET", `${path}?fieldSelector=metadata.name%3Dr`);
  await rest.ok("DELETE", `${path}/r`);
  await rest.ok("POST", path, request);
  await rest.ok("DELETE", path);
  assert.deepEqual((await rest.ok("GET", path))["items"], []);
});

test("owners in a circle do not keep each other; a controller adopts, lets go, and tells of a quota", async () => {
  const path = await namespace("owned");
  const uids = new Map<string, string>();
  for (const name of ["p1", "p2", "p3"])
    uids.set(name, (await rest.ok("POST", `${path}/pods`, pod(name)))["metadata"].uid);
  for (const [name, owner] of [
    ["p1", "p3"],
    ["p2", "p1"],
    ["p3", "p2"],
  ] as const) {
    const ownerReferences = [
      {
        apiVersion: "v1",
        kind: "Pod",
        name: owner,
        uid: uids.get(owner),
        controller: true,
        blockOwnerDeletion: true,
      },
    ];
    await rest.ok("PATCH", `${path}/pods/${name}`, { metadata: { ownerReferences } }, merge);
  }
  const { metadata } = await rest.ok("GET", `${path}/pods`);
  await rest.ok("DELETE", `${path}/pods/p1`, { propagationPolicy: "Foreground" });
  let left = 3;
  for await (const { type } of rest.watch(`${path}/pods?watch=1&resourceVersion=${metadata.resourceVersion}`))
    if (type === "DELETED" && --left === 0) break;
  assert.equal(left, 0);
  const labels = { app: "rc" };
  await rest.ok("POST", `${path}/pods`, pod("orphan", {}, { labels }));
  const template = { metadata: { labels }, spec: { containers: [image] } };
  const rc = {
    apiVersion: "v1",
    kind: "ReplicationController",
    metadata: { name: "rc" },
    spec: { replicas: 1, selector: labels, template },
  };
  await rest.ok("POST", `${path}/replicationcontrollers`, rc);
  const ownerOf = (one: Loose) => one["metadata"].ownerReferences?.[0]?.name as string | undefined;
  await until(`${path}/pods`, (one) => one["metadata"].name === "orphan" && ownerOf(one) === "rc");
  await rest.ok("PATCH", `${path}/pods/orphan`, { metadata: { labels: { app: "other" } } }, merge);
  await until(`${path}/pods`, (one) => one["metadata"].name === "orphan" && ownerOf(one) === undefined);
  await until(`${path}/pods`, (one) => one["metadata"].name !== "orphan" && ownerOf(one) === "rc");
  const quota = {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "q" },
    spec: { hard: { pods: "2" } },
  };
  await rest.ok("POST", `${path}/resourcequotas`, quota);
  await until(`${path}/resourcequotas`, ({ status }) => status?.used?.pods === "2");
  const failing = (one: Loose) =>
    one["status"]?.conditions?.some(({ type }: Loose) => type === "ReplicaFailure") === true;
  await rest.ok("PATCH", `${path}/replicationcontrollers/rc`, { spec: { replicas: 2 } }, merge);
  await until(`${path}/replicationcontrollers`, failing);
  await rest.ok("PATCH", `${path}/replicationcontrollers/rc`, { spec: { replicas: 1 } }, merge);
  await until(`${path}/replicationcontrollers`, (one) => !failing(one));
});
