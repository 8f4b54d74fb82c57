import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { networkInterfaces } from "node:os";
import { after, before, test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import { type Loose, Rest } from "../support/rest.ts";
import { SampleApiServer } from "../support/sample-api-server.ts";

// An API server of somebody else's behind an APIService, as conformance has one.

const space = "/api/v1/namespaces/default";
const services = "/apis/apiregistration.k8s.io/v1/apiservices";
const own = `${services}/v1alpha1.wardle.example.com`;
const root = "/apis/wardle.example.com/v1alpha1";
const flunders = `${root}/namespaces/default/flunders`;
const merge = { type: "application/merge-patch+json" };
/** Endpoints may not be on the loopback: where there is nothing else, it gets one more address. */
const spare = "192.0.2.10/32";
const lent = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.internal === false && each.family === "IPv4")?.address;

let cluster: ClusterUnderTest;
let rest: Rest;
let sample: SampleApiServer;

before(async () => {
  if (lent === undefined) execFileSync("ip", ["address", "add", spare, "dev", "lo"]);
  cluster = await ClusterUnderTest.start();
  rest = new Rest(cluster.transport);
  const known = await rest.ok(
    "GET",
    "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication",
  );
  const authority = known["data"]["requestheader-client-ca-file"];
  const address = lent ?? "192.0.2.10";
  sample = await SampleApiServer.start(address, "sample.default.svc", authority);
  await rest.ok("POST", services, {
    metadata: { name: "v1alpha1.wardle.example.com", labels: { sample: "yes" } },
    spec: {
      group: "wardle.example.com",
      version: "v1alpha1",
      caBundle: sample.caBundle,
      service: { namespace: "default", name: "sample", port: 7443 },
      groupPriorityMinimum: 2000,
      versionPriority: 200,
    },
  });
});
after(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await sample?.[Symbol.asyncDispose]();
  if (lent === undefined) execFileSync("ip", ["address", "del", spare, "dev", "lo"]);
});

const saying = (reason: string) => (found: Loose) =>
  found["status"]?.conditions?.some(
    ({ type, reason: why }: Loose) => type === "Available" && why === reason,
  ) === true;

async function addEndpoints(): Promise<void> {
  await rest.ok("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", {
    metadata: { name: "sample-1", labels: { "kubernetes.io/service-name": "sample" } },
    addressType: "IPv4",
    endpoints: [{ addresses: [lent ?? "192.0.2.10"], conditions: { ready: true } }],
    ports: [{ name: "https", port: sample.port }],
  });
}

test("an APIService says what it is missing until it is available", async () => {
  await rest.until(own, saying("ServiceNotFound"));
  assert.equal((await rest.send("GET", flunders)).status, 503);
  const port = { name: "https", port: 7443, targetPort: 443 };
  await rest.ok("POST", `${space}/services`, { metadata: { name: "sample" }, spec: { ports: [port] } });
  await rest.until(own, saying("EndpointsNotFound"));
  await addEndpoints();
  const found = await rest.until(own, saying("Passed"));
  const [condition] = found["status"].conditions;
  assert.deepEqual([condition.status, condition.message], ["True", "all checks passed"]);
});

test("its group is found in all that clients discover by, and its objects by kubectl", async () => {
  const { groups } = await rest.ok("GET", "/apis");
  assert.ok(groups.some(({ name }: Loose) => name === "wardle.example.com"));
  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  const { body } = await rest.send("GET", "/apis", undefined, { accept });
  const group = body["items"].find(({ metadata }: Loose) => metadata.name === "wardle.example.com");
  assert.equal(group.versions[0].resources[0].resource, "flunders");
  assert.equal((await rest.ok("GET", root))["groupVersion"], "wardle.example.com/v1alpha1");
  const { paths } = await rest.ok("GET", "/openapi/v3");
  const described = await rest.ok("GET", paths["apis/wardle.example.com/v1alpha1"].serverRelativeURL);
  assert.equal(described["info"].title, "sample");
  const flunder = {
    apiVersion: "wardle.example.com/v1alpha1",
    kind: "Flunder",
    metadata: { name: "by-kubectl" },
  };
  const made = await cluster.kubectl(
    "1.35",
    ["create", "--validate=false", "-f", "-"],
    JSON.stringify(flunder),
  );
  assert.equal(made.out, "flunder.wardle.example.com/by-kubectl created\n", made.err);
  const got = await cluster.kubectl("1.35", ["get", "flunders", "-o", "name"]);
  assert.equal(got.out, "flunder.wardle.example.com/by-kubectl\n", got.err);
});

test("requests and watches go through with the name of who asks, if they may", async () => {
  const events = rest.watch(`${flunders}?watch=1`);
  const first = events.next();
  await rest.until(own, () => sample.asked.some(({ path }) => path === flunders));
  await rest.ok("POST", flunders, { metadata: { name: "a" }, kind: "Flunder" });
  const { value } = await first;
  assert.deepEqual([value?.["type"], value?.["object"].metadata.name], ["ADDED", "a"]);
  const asked = sample.asked.at(-1);
  assert.deepEqual([asked?.method, asked?.user], ["POST", "kubernetes-admin"]);
  assert.match(asked?.groups ?? "", /system:masters/);
  const count = sample.asked.length;
  const stranger = ["get", "flunders", "--as", "stranger"];
  assert.match(
    (await cluster.kubectl("1.35", stranger)).err,
    /Forbidden.*"stranger" cannot list resource "flunders"/,
  );
  assert.ok(sample.asked.slice(count).every(({ user }) => user !== "stranger"));
  await rest.ok("DELETE", `${flunders}/a`);
  assert.equal((await rest.send("GET", `${flunders}/a`)).status, 404);
});

test("it sends nobody anywhere else", async () => {
  const { status, body } = await rest.send("GET", `${flunders}/moved`);
  assert.equal(status, 502, JSON.stringify(body));
});

test("its status is written by others too, and it is listed and goes like any object", async () => {
  const conditions = [{ type: "StatusUpdated", status: "True", reason: "E2E" }];
  const found = await rest.ok("GET", own);
  const all = [...found["status"].conditions, ...conditions];
  await rest.ok("PATCH", `${own}/status`, { status: { conditions: all } }, merge);
  // What is said of its being there goes on beside it.
  await rest.ok("DELETE", `${space}/services/sample`);
  const gone = await rest.until(own, saying("ServiceNotFound"));
  assert.ok(gone["status"].conditions.some(({ type }: Loose) => type === "StatusUpdated"));
  const refused = await rest.send("GET", flunders);
  assert.deepEqual([refused.status, refused.body["reason"]], [503, "ServiceUnavailable"]);
  const { groups } = await rest.ok("GET", "/apis");
  assert.ok(groups.every(({ name }: Loose) => name !== "wardle.example.com"));
  const labelled = `${services}?labelSelector=sample%3Dyes`;
  assert.equal((await rest.ok("GET", labelled))["items"].length, 1);
  await rest.ok("DELETE", labelled);
  assert.equal((await rest.send("GET", flunders)).status, 404);
});
