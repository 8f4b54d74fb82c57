import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Hook, openHook } from "#orchestrator/apiserver/webhooks/webhook.fixture.ts";
import { ClusterUnderTest } from "../support/cluster.ts";
import { type Loose, Rest } from "../support/rest.ts";

// Custom kinds whose versions a webhook converts, as conformance has them: v1 has one field, v2 has the two parts of it.

const group = "stable.example.com";
const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const merge = { type: "application/merge-patch+json" };
const json = { type: "application/json-patch+json" };
const pathOf = (version: string, plural = "places") =>
  `/apis/${group}/${version}/namespaces/default/${plural}`;

let cluster: ClusterUnderTest;
let rest: Rest;
let hook: Hook;
let fault: Loose | undefined;
/** How many objects each review was about. */
const asked: number[] = [];

function converted({ hostPort, host, port, ...object }: Loose, apiVersion: string): Loose {
  if (apiVersion.endsWith("/v1")) return { ...object, apiVersion, hostPort: `${host}:${port ?? ""}` };
  const [first, second] = String(hostPort).split(":");
  return { ...object, apiVersion, host: first, ...(second !== "" && { port: second }) };
}

before(async () => {
  hook = await openHook((request) => {
    const { objects, desiredAPIVersion } = request as unknown as Loose;
    asked.push(objects.length);
    if (fault !== undefined) return fault;
    const convertedObjects = objects.map((one: Loose) => converted(one, desiredAPIVersion));
    return { result: { status: "Success" }, convertedObjects };
  });
  cluster = await ClusterUnderTest.start();
  rest = new Rest(cluster.transport);
  await define("places");
});
after(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await hook?.[Symbol.asyncDispose]();
});

async function define(plural: string): Promise<void> {
  const text = { type: "string" };
  const version = (name: string, fields: readonly string[]) => ({
    name,
    served: true,
    storage: name === "v1",
    schema: {
      openAPIV3Schema: {
        type: "object",
        properties: Object.fromEntries(fields.map((field) => [field, text] as const)),
      },
    },
    selectableFields: fields.map((field) => ({ jsonPath: `.${field}` })),
  });
  const clientConfig = { url: hook.url, caBundle: hook.caBundle };
  await rest.ok("POST", definitions, {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { plural, kind: kindOf(plural) },
      versions: [version("v1", ["hostPort"]), version("v2", ["host", "port"])],
      conversion: {
        strategy: "Webhook",
        webhook: { clientConfig, conversionReviewVersions: ["v1", "v1beta1"] },
      },
    },
  });
  await rest.until(`${definitions}/${plural}.${group}`, ({ status }) =>
    status?.conditions?.some(({ type, status: is }: Loose) => type === "Established" && is === "True"),
  );
}

const kindOf = (plural: string) => `${plural[0]?.toUpperCase()}${plural.slice(1, -1)}`;

async function make(version: string, name: string, fields: Loose, plural?: string): Promise<Loose> {
  const kind = kindOf(plural ?? "places");
  const object = { apiVersion: `${group}/${version}`, kind, metadata: { name }, ...fields };
  return await rest.ok("POST", pathOf(version, plural), object);
}

const namesOf = ({ items }: Loose): string[] => items.map(({ metadata }: Loose) => metadata.name);
const selected = async (version: string, selector: string) =>
  namesOf(await rest.ok("GET", `${pathOf(version)}?fieldSelector=${encodeURIComponent(selector)}`));

test("an object is read, written and deleted in either version", async () => {
  const made = await make("v1", "a", { hostPort: "host1:80" });
  assert.equal(made["hostPort"], "host1:80");
  const other = await rest.ok("GET", `${pathOf("v2")}/a`);
  assert.deepEqual(
    [other["apiVersion"], other["host"], other["port"], other["hostPort"]],
    [`${group}/v2`, "host1", "80", undefined],
  );
  assert.equal(other["metadata"].uid, made["metadata"].uid);
  const patched = await rest.ok("PATCH", `${pathOf("v2")}/a`, { port: "81" }, merge);
  assert.deepEqual([patched["host"], patched["port"]], ["host1", "81"]);
  const whole = await rest.ok("GET", `${pathOf("v1")}/a`);
  assert.equal(whole["hostPort"], "host1:81");
  await rest.ok("PUT", `${pathOf("v1")}/a`, { ...whole, hostPort: "host3:82" });
  assert.equal((await rest.ok("GET", `${pathOf("v2")}/a`))["host"], "host3");
  await rest.ok("DELETE", `${pathOf("v2")}/a`);
  assert.equal((await rest.send("GET", `${pathOf("v1")}/a`)).status, 404);
});

test("lists and watches by fields are of the version that is asked for", async () => {
  const stop = new AbortController();
  const follow = (version: string, selector: string) => {
    const told: string[] = [];
    const events = rest.watch(
      `${pathOf(version)}?watch=1&fieldSelector=${encodeURIComponent(selector)}`,
      stop.signal,
    );
    const enough = Promise.withResolvers<void>();
    void (async () => {
      for await (const { type, object } of events)
        if (told.push(`${type} ${object.metadata.name}`) && object.metadata.name === "last") enough.resolve();
    })().catch(() => undefined);
    return { told, enough: enough.promise };
  };
  const host = follow("v2", "host=host1");
  const port = follow("v2", "host=host1,port=80");
  const both = follow("v1", "hostPort=host1:80");
  await make("v2", "one", { host: "host1", port: "80" });
  await make("v2", "two", { host: "host1", port: "8080" });
  await make("v2", "three", { host: "host2" });
  assert.deepEqual(await selected("v2", "host=host1"), ["one", "two"]);
  assert.deepEqual(await selected("v2", "host=host1,port=80"), ["one"]);
  assert.deepEqual(await selected("v1", "hostPort=host1:80"), ["one"]);
  assert.deepEqual(await selected("v1", "hostPort=host1:8080"), ["two"]);
  await rest.ok("DELETE", `${pathOf("v2")}?fieldSelector=${encodeURIComponent("host=host1,port=80")}`);
  await rest.ok("PATCH", `${pathOf("v2")}/two`, { host: "host2" }, merge);
  assert.deepEqual(await selected("v2", "host=host1"), []);
  await make("v1", "last", { hostPort: "host1:80" });
  await Promise.all([host, port, both].map(({ enough }) => enough));
  stop.abort();
  assert.deepEqual(host.told, ["ADDED one", "ADDED two", "DELETED one", "DELETED two", "ADDED last"]);
  for (const { told } of [port, both]) assert.deepEqual(told, ["ADDED one", "DELETED one", "ADDED last"]);
});

test("a list of objects that are kept in several versions is of one version", async () => {
  await define("mixeds");
  await make("v1", "old", { hostPort: "host1:80" }, "mixeds");
  const change = [false, true].map((value, at) => ({
    op: "replace",
    path: `/spec/versions/${at}/storage`,
    value,
  }));
  await rest.ok("PATCH", `${definitions}/mixeds.${group}`, change, json);
  // Until the server has seen that, what it makes is kept as before.
  await rest.until(`${definitions}/mixeds.${group}`, ({ status }) => status.storedVersions.includes("v2"));
  await make("v1", "new", { hostPort: "host1:81" }, "mixeds");
  const before = asked.length;
  for (const [version, field, values] of [
    ["v1", "hostPort", ["host1:81", "host1:80"]],
    ["v2", "port", ["81", "80"]],
  ] as const) {
    const { items } = await rest.ok("GET", pathOf(version, "mixeds"));
    assert.deepEqual(
      items.map((one: Loose) => one[field]),
      values,
    );
    for (const one of items) assert.equal(one.apiVersion, `${group}/${version}`);
  }
  // Each one is asked about once, in as few questions as there can be.
  await rest.ok("GET", pathOf("v1", "mixeds"));
  assert.deepEqual(asked.slice(before), [1, 1]);
});

test("what a webhook cannot convert, or converts wrong, is an error that says so", async () => {
  await define("faults");
  await make("v1", "a", { hostPort: "host1:80" }, "faults");
  const message = async () => {
    const { status, body } = await rest.send("GET", pathOf("v2", "faults"));
    assert.equal(status, 500);
    return body["message"] as string;
  };
  const prefix = `conversion webhook for ${group}/v1, Kind=Fault `;
  fault = { result: { status: "Failed", message: "no such thing" } };
  assert.equal(await message(), `${prefix}failed: no such thing`);
  fault = { result: { status: "Success" }, convertedObjects: [] };
  assert.equal(await message(), `${prefix}returned 0 objects, expected 1`);
  const wrong = { apiVersion: `${group}/v2`, kind: "Fault", metadata: { name: "b", namespace: "default" } };
  fault = { result: { status: "Success" }, convertedObjects: [wrong] };
  assert.match(
    await message(),
    /returned invalid converted object at index 0: must have the same name: a != b/,
  );
  fault = undefined;
  assert.deepEqual(namesOf(await rest.ok("GET", pathOf("v2", "faults"))), ["a"]);
});
