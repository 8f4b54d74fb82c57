import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Asked, type Hook, openHook } from "#orchestrator/apiserver/webhooks/webhook.fixture.ts";
import { ClusterUnderTest } from "../support/cluster.ts";
import { type Loose, Rest } from "../support/rest.ts";

// What conformance asks of admission webhooks and policies, in its steps.

const registration = "/apis/admissionregistration.k8s.io/v1";
const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const merge = { type: "application/merge-patch+json" };
const json = { type: "application/json-patch+json" };

let cluster: ClusterUnderTest;
let rest: Rest;
let hook: Hook;

const patchOf = (...steps: readonly Loose[]) => ({
  allowed: true,
  patchType: "JSONPatch",
  patch: Buffer.from(JSON.stringify(steps)).toString("base64"),
});
const denied = (message: string) => ({ allowed: false, status: { message, code: 403, reason: "Forbidden" } });

/** What the webhook of a path says. */
const verdicts: Record<string, (asked: Asked) => Loose> = {
  "/mutate": ({ object }) => {
    const { data } = object;
    if (data?.["mutation-start"] === undefined) return { allowed: true };
    const stage = data["mutation-stage-1"] === undefined ? 1 : 2;
    return patchOf({ op: "add", path: `/data/mutation-stage-${stage}`, value: "yes" });
  },
  "/container": () =>
    patchOf({ op: "add", path: "/spec/initContainers", value: [{ name: "added", image: "two" }] }),
  "/deny": ({ operation, object, oldObject }) => {
    const { data, metadata } = operation === "DELETE" ? (oldObject as Loose) : (object as Loose);
    if (metadata.labels?.unwanted === "yes") return denied("it contains an unwanted label");
    const wrong = operation === "DELETE" ? data?.nondeletable : data?.disallowed;
    return wrong === undefined ? { allowed: true } : denied("it contains unwanted data");
  },
};

before(async () => {
  hook = await openHook((asked, path) => verdicts[path]?.(asked));
  cluster = await ClusterUnderTest.start();
  rest = new Rest(cluster.transport);
});
after(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await hook?.[Symbol.asyncDispose]();
});

const rule = (resource: string, operations: readonly string[], apiGroups: readonly string[] = [""]) => ({
  operations,
  apiGroups,
  apiVersions: ["*"],
  resources: [resource],
});

const marked = (namespace: string) => ({ matchLabels: { "kubernetes.io/metadata.name": namespace } });

function webhook(name: string, path: string, rules: readonly Loose[], more: Loose = {}): Loose {
  const url = new URL(path, hook.url).href;
  return {
    name: `${name}.example.com`,
    admissionReviewVersions: ["v1"],
    sideEffects: "None",
    clientConfig: { url, caBundle: hook.caBundle },
    rules,
    ...more,
  };
}

type Kind = "Mutating" | "Validating";
const collection = (kind: Kind) => `${registration}/${kind.toLowerCase()}webhookconfigurations`;

async function configure(kind: Kind, name: string, webhooks: readonly Loose[]): Promise<string> {
  const type = { apiVersion: "admissionregistration.k8s.io/v1", kind: `${kind}WebhookConfiguration` };
  await rest.ok("POST", collection(kind), { ...type, metadata: { name, labels: { suite: name } }, webhooks });
  return `${collection(kind)}/${name}`;
}

async function namespace(name: string): Promise<string> {
  await rest.ok("POST", "/api/v1/namespaces", { metadata: { name } });
  return `/api/v1/namespaces/${name}`;
}

const start = { "mutation-start": "yes" };
let made = 0;
async function mapIn(space: string, data: Loose, name = `map-${made++}`): Promise<Loose> {
  return await rest.send("POST", `${space}/configmaps`, { metadata: { name }, data });
}
const dataOf = async (space: string, name?: string) =>
  Object.keys((await mapIn(space, start, name))["body"].data).filter((key) => key !== "mutation-start");

test("mutating webhooks: what changes of them is in effect, until their collection goes", async () => {
  const space = await namespace("mutating");
  const only = { namespaceSelector: marked("mutating") };
  const maps = (...operations: string[]) => [rule("configmaps", operations)];
  const path = await configure("Mutating", "mutating", [webhook("one", "/mutate", maps("CREATE"), only)]);
  assert.deepEqual(await dataOf(space), ["mutation-stage-1"]);
  const whole = await rest.ok("GET", path);
  whole["webhooks"][0].rules = maps("UPDATE");
  await rest.ok("PUT", path, whole);
  assert.deepEqual(await dataOf(space), []);
  const add = [{ op: "replace", path: "/webhooks/0/rules/0/operations", value: ["CREATE"] }];
  await rest.ok("PATCH", path, add, json);
  assert.deepEqual(await dataOf(space), ["mutation-stage-1"]);
  // The second one is told what the first one made of it.
  const both = [1, 2].map((at) => webhook(`m${at}`, "/mutate", maps("CREATE"), only));
  await rest.ok("PATCH", path, { webhooks: both }, merge);
  assert.deepEqual(await dataOf(space), ["mutation-stage-1", "mutation-stage-2"]);
  const matchConditions = [{ name: "skip", expression: "object.metadata.name != 'skip-me'" }];
  const patched = await rest.ok("PATCH", path, { webhooks: [{ ...both[0], matchConditions }] }, merge);
  assert.deepEqual(patched["webhooks"][0].matchConditions, matchConditions);
  assert.deepEqual(await dataOf(space, "skip-me"), []);
  assert.deepEqual(await dataOf(space), ["mutation-stage-1"]);
  const listed = await rest.ok("GET", `${collection("Mutating")}?labelSelector=suite%3Dmutating`);
  assert.equal(listed["items"].length, 1);
  await rest.ok("DELETE", `${collection("Mutating")}?labelSelector=suite%3Dmutating`);
  assert.deepEqual(await dataOf(space), []);
});

test("validating webhooks: what changes of them is in effect, until their collection goes", async () => {
  const space = await namespace("validating");
  const only = { namespaceSelector: marked("validating") };
  const one = webhook("one", "/deny", [rule("configmaps", ["CREATE"])], only);
  const path = await configure("Validating", "validating", [one]);
  const wrong = async () => (await mapIn(space, { disallowed: "yes" }))["status"] as number;
  const { status, body } = await mapIn(space, { disallowed: "yes" });
  assert.equal(status, 403);
  assert.equal(
    body.message,
    'admission webhook "one.example.com" denied the request: it contains unwanted data',
  );
  const whole = await rest.ok("GET", path);
  whole["webhooks"][0].rules[0].operations = ["UPDATE"];
  await rest.ok("PUT", path, whole);
  assert.equal(await wrong(), 201);
  await rest.ok("PATCH", path, { webhooks: [{ ...one, rules: [rule("configmaps", ["CREATE"])] }] }, merge);
  assert.equal(await wrong(), 403);
  const listed = await rest.ok("GET", `${collection("Validating")}?labelSelector=suite%3Dvalidating`);
  assert.equal(listed["items"].length, 1);
  await rest.ok("DELETE", `${collection("Validating")}?labelSelector=suite%3Dvalidating`);
  assert.equal(await wrong(), 201);
});

test("configurations whose conditions are no expressions are refused", async () => {
  for (const kind of ["Mutating", "Validating"] as const) {
    const matchConditions = [{ name: "odd", expression: "... [] bad expression" }];
    const one = webhook("one", "/deny", [rule("configmaps", ["CREATE"])], { matchConditions });
    const { status, body } = await rest.send("POST", collection(kind), {
      metadata: { name: "odd" },
      webhooks: [one],
    });
    assert.deepEqual([status, body["reason"]], [422, "Invalid"]);
    assert.match(
      body["message"] as string,
      /webhooks\[0\]\.matchConditions\[0\]\.expression: .*compilation failed/,
    );
  }
});

test("a pod that a webhook has changed gets the defaults of what is new", async () => {
  const space = await namespace("pods");
  await rest.ok("POST", `${space}/serviceaccounts`, { metadata: { name: "own" } });
  const only = { namespaceSelector: marked("pods") };
  const path = await configure("Mutating", "pods", [
    webhook("one", "/container", [rule("pods", ["CREATE"])], only),
  ]);
  const spec = { serviceAccountName: "own", containers: [{ name: "c", image: "one" }] };
  const pod = await rest.ok("POST", `${space}/pods`, { metadata: { name: "p" }, spec });
  const [added] = pod["spec"].initContainers;
  assert.deepEqual(
    [added.name, added.terminationMessagePolicy, added.imagePullPolicy],
    ["added", "File", "Always"],
  );
  await rest.ok("DELETE", path);
});

const group = "hooked.example.com";
const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

async function define(plural: string, data: Loose, labels: Loose = {}): Promise<Loose> {
  const schema = { openAPIV3Schema: { type: "object", properties: { data } } };
  const versions = ["v1", "v2"].map((name) => ({ name, served: true, storage: name === "v1", schema }));
  const names = { plural, kind: plural[0]?.toUpperCase() + plural.slice(1, -1) };
  const answer = await rest.send("POST", definitions, {
    metadata: { name: `${plural}.${group}`, labels },
    spec: { group, scope: "Namespaced", names, versions },
  });
  if (answer.status !== 201) return answer;
  for await (const { object } of rest.watch(
    `${definitions}?watch=1&fieldSelector=metadata.name%3D${plural}.${group}`,
  ))
    if (
      object.status?.conditions?.some(
        ({ type, status }: Loose) => type === "Established" && status === "True",
      )
    )
      break;
  return answer;
}

const custom = (plural: string, name: string, data: Loose, version = "v1") => ({
  apiVersion: `${group}/${version}`,
  kind: plural[0]?.toUpperCase() + plural.slice(1, -1),
  metadata: { name },
  data,
});

test("custom resources: their creation, change and deletion may be denied, and they are changed and pruned", async () => {
  await define("things", open);
  const stage = { type: "string" };
  await define("prunes", {
    type: "object",
    properties: { "mutation-start": stage, "mutation-stage-1": stage },
  });
  const operations = ["CREATE", "UPDATE", "DELETE"];
  const deny = await configure("Validating", "custom", [
    webhook("one", "/deny", [rule("things", operations, [group])]),
  ]);
  const things = `/apis/${group}/v1/namespaces/default/things`;
  assert.equal((await rest.send("POST", things, custom("things", "a", { disallowed: "1" }))).status, 403);
  await rest.ok("POST", things, custom("things", "a", { nondeletable: "1" }));
  assert.equal((await rest.send("PATCH", `${things}/a`, { data: { disallowed: "1" } }, merge)).status, 403);
  assert.equal((await rest.send("DELETE", `${things}/a`)).status, 403);
  await rest.ok("PATCH", `${things}/a`, { data: { nondeletable: null } }, merge);
  await rest.ok("DELETE", `${things}/a`);
  await rest.ok("DELETE", deny);
  const change = await configure("Mutating", "custom", [
    webhook("one", "/mutate", [rule("*", ["CREATE", "UPDATE"], [group])]),
    webhook("two", "/mutate", [rule("*", ["CREATE", "UPDATE"], [group])]),
  ]);
  const both = { ...start, "mutation-stage-1": "yes", "mutation-stage-2": "yes" };
  assert.deepEqual((await rest.ok("POST", things, custom("things", "b", start)))["data"], both);
  const prunes = `/apis/${group}/v1/namespaces/default/prunes`;
  const pruned = await rest.ok("POST", prunes, custom("prunes", "b", start));
  assert.deepEqual(pruned["data"], { ...start, "mutation-stage-1": "yes" });
  // Kept in the other version from now on.
  const versions = ["false", "true"].map((is, at) => ({
    op: "replace",
    path: `/spec/versions/${at}/storage`,
    value: is === "true",
  }));
  await rest.ok("PATCH", `${definitions}/things.${group}`, versions, json);
  const after = await rest.ok("PATCH", `${things}/b`, { data: { dummy: "test" } }, merge);
  assert.deepEqual(after["data"], { ...both, dummy: "test" });
  const other = await rest.ok("GET", `/apis/${group}/v2/namespaces/default/things/b`);
  assert.deepEqual([other["apiVersion"], other["data"]], [`${group}/v2`, { ...both, dummy: "test" }]);
  await rest.ok("DELETE", change);
});

test("the definition of a custom kind may be denied", async () => {
  const path = await configure("Validating", "definitions", [
    webhook("one", "/deny", [rule("customresourcedefinitions", ["CREATE"], ["apiextensions.k8s.io"])]),
  ]);
  const { status, body } = await define("unwanteds", open, { unwanted: "yes" });
  assert.equal(status, 403);
  assert.match(body.message as string, /denied the request: it contains an unwanted label/);
  await rest.ok("DELETE", path);
});

test("a mutating policy sets annotations of Deployments", async () => {
  const space = await namespace("policies");
  const policy = `${registration}/mutatingadmissionpolicies`;
  await rest.ok("POST", policy, {
    metadata: { name: "annotate" },
    spec: {
      matchConstraints: {
        namespaceSelector: marked("policies"),
        resourceRules: [rule("deployments", ["CREATE"], ["apps"])],
      },
      failurePolicy: "Fail",
      reinvocationPolicy: "Never",
      mutations: [
        {
          patchType: "ApplyConfiguration",
          applyConfiguration: {
            expression:
              'Object{metadata: Object.metadata{annotations: {"my-foo-annotation": "myAnnotationValue"}}}',
          },
        },
      ],
    },
  });
  await rest.ok("POST", `${registration}/mutatingadmissionpolicybindings`, {
    metadata: { name: "annotate" },
    spec: { policyName: "annotate" },
  });
  const labels = { app: "a" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "one" }] } };
  const deployments = space.replace("/api/v1", "/apis/apps/v1");
  const made = await rest.ok("POST", `${deployments}/deployments`, {
    metadata: { name: "d" },
    spec: { replicas: 1, selector: { matchLabels: labels }, template },
  });
  assert.equal(made["metadata"].annotations["my-foo-annotation"], "myAnnotationValue");
});
