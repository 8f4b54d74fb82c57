import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { mutatingPolicies } from "#orchestrator/admission/callouts/mutating-policies.ts";
import { validatingPolicies } from "#orchestrator/admission/callouts/policies.ts";
import { resources } from "#orchestrator/kinds/resources.ts";
import { mergedAtom } from "../registry/managed-fields.ts";
import { allowAll, openTestApi, type TestApi } from "../api.fixture.ts";

const registration = "/apis/admissionregistration.k8s.io/v1";
const maps = "/api/v1/namespaces/default/configmaps";

async function openGoverned(): Promise<TestApi> {
  return await openTestApi({
    resources,
    plugins: ({ cache, resources: table }) => {
      const deps = {
        objects: cache,
        authorizer: allowAll.authorizer,
        findKind: (...kind: Parameters<typeof table.findKind>) => table.findKind(...kind),
        newUid: randomUUID,
        atomOf: mergedAtom,
      };
      return [mutatingPolicies(deps), validatingPolicies(deps)];
    },
  });
}

const someRules = [
  { operations: ["CREATE", "UPDATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] },
];

async function make(api: TestApi, policy: object, binding: object = {}): Promise<void> {
  const made = await api.send("POST", `${registration}/validatingadmissionpolicies`, {
    metadata: { name: "rule" },
    spec: { matchConstraints: { resourceRules: someRules }, ...policy },
  });
  assert.equal(made.status, 201, made.body.message);
  const bound = await api.send("POST", `${registration}/validatingadmissionpolicybindings`, {
    metadata: { name: "bound" },
    spec: { policyName: "rule", validationActions: ["Deny"], ...binding },
  });
  assert.equal(bound.status, 201, bound.body.message);
}

const mapOf = (name: string, data: object = {}, labels: object = {}) => ({
  metadata: { name, labels },
  data,
});

test("a policy refuses what its expressions do not hold for", async () => {
  await using api = await openGoverned();
  await make(api, {
    validations: [
      { expression: "object.data.size() <= 2" },
      {
        expression: "!has(object.data.color) || object.data.color in ['red', 'blue']",
        messageExpression: "'the color ' + object.data.color + ' is not known'",
        reason: "Forbidden",
      },
    ],
  });
  assert.equal((await api.send("POST", maps, mapOf("a", { color: "red" }))).status, 201);
  const many = await api.send("POST", maps, mapOf("b", { a: "1", b: "2", c: "3" }));
  const text =
    "ValidatingAdmissionPolicy 'rule' with binding 'bound' denied request: failed expression: object.data.size() <= 2";
  assert.equal(many.body.message, `configmaps "b" is forbidden: ${text}`);
  assert.deepEqual([many.status, many.body.reason], [422, "Invalid"]);
  assert.deepEqual(many.body.details.causes, [{ message: text }]);
  const green = await api.send("POST", maps, mapOf("b", { color: "green" }));
  assert.match(green.body.message, /denied request: the color green is not known$/);
  assert.deepEqual([green.status, green.body.reason], [403, "Forbidden"]);
});

test("variables are evaluated when they are asked for, from those before them", async () => {
  await using api = await openGoverned();
  await make(api, {
    variables: [
      { name: "mode", expression: "object.data.mode" },
      { name: "isOpen", expression: "variables.mode == 'open'" },
    ],
    validations: [{ expression: "object.metadata.name == 'free' || variables.isOpen" }],
  });
  assert.equal((await api.send("POST", maps, mapOf("free", { a: "1" }))).status, 201);
  assert.equal((await api.send("POST", maps, mapOf("a", { mode: "open" }))).status, 201);
  assert.equal((await api.send("POST", maps, mapOf("b", { mode: "shut" }))).status, 422);
  const failed = await api.send("POST", maps, mapOf("c", { a: "1" }));
  assert.equal(failed.status, 422);
  assert.match(failed.body.message, /composited variable "isOpen" fails to evaluate/);
});

test("a policy takes parameters from the objects that its bindings name", async () => {
  await using api = await openGoverned();
  await make(
    api,
    {
      paramKind: { apiVersion: "v1", kind: "ConfigMap" },
      matchConditions: [{ name: "labelled", expression: "has(object.metadata.labels)" }],
      validations: [{ expression: "object.data.size() <= int(params.data.most)", message: "too much" }],
    },
    { paramRef: { name: "limits", namespace: "default", parameterNotFoundAction: "Deny" } },
  );
  const big = mapOf("a", { a: "1", b: "2" }, { tier: "web" });
  const without = await api.send("POST", maps, big);
  assert.match(
    without.body.message,
    /denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction$/,
  );
  const { status } = await api.send("POST", "/api/v1/namespaces/default/secrets", {
    metadata: { name: "x" },
  });
  assert.equal(status, 201);
  await api.send("DELETE", `${registration}/validatingadmissionpolicybindings/bound`);
  assert.equal((await api.send("POST", maps, mapOf("limits", { most: "1" }))).status, 201);
  await api.send("POST", `${registration}/validatingadmissionpolicybindings`, {
    metadata: { name: "bound" },
    spec: {
      policyName: "rule",
      validationActions: ["Deny"],
      paramRef: { name: "limits", namespace: "default", parameterNotFoundAction: "Deny" },
    },
  });
  assert.match((await api.send("POST", maps, big)).body.message, /denied request: too much$/);
  assert.equal((await api.send("POST", maps, mapOf("a", { a: "1" }, { tier: "web" }))).status, 201);
});

test("a binding may only warn, and only for some", async () => {
  await using api = await openGoverned();
  await make(
    api,
    { validations: [{ expression: "false", message: "never" }] },
    { validationActions: ["Warn"], matchResources: { objectSelector: { matchLabels: { tier: "web" } } } },
  );
  const warned = await api.send("POST", maps, mapOf("a", {}, { tier: "web" }));
  assert.equal(warned.status, 201);
  assert.match(
    warned.headers["warning"] ?? "",
    /Validation failed for ValidatingAdmissionPolicy 'rule' with binding 'bound': never/,
  );
  assert.equal((await api.send("POST", maps, mapOf("b"))).headers["warning"], undefined);
});

test("expressions see the old object, the namespace, and what else the user may do", async () => {
  await using api = await openGoverned();
  await api.send("POST", "/api/v1/namespaces", { metadata: { name: "team", labels: { closed: "yes" } } });
  await make(api, {
    validations: [
      { expression: "request.operation != 'UPDATE' || oldObject.data == object.data", message: "kept" },
      {
        expression: "namespaceObject == null || !has(namespaceObject.metadata.labels.closed)",
        message: "closed",
      },
      { expression: "authorizer.group('').resource('pods').namespace('x').check('get').allowed()" },
    ],
  });
  const closed = await api.send("POST", "/api/v1/namespaces/team/configmaps", mapOf("a"));
  assert.match(closed.body.message, /denied request: closed$/);
  assert.equal((await api.send("POST", maps, mapOf("a", { a: "1" }))).status, 201);
  const changed = await api.send("PUT", `${maps}/a`, mapOf("a", { a: "2" }));
  assert.match(changed.body.message, /denied request: kept$/);
});

test("expressions that cannot be compiled are refused with the policy", async () => {
  await using api = await openGoverned();
  const bad = await api.send("POST", `${registration}/validatingadmissionpolicies`, {
    metadata: { name: "rule" },
    spec: {
      matchConstraints: { resourceRules: someRules },
      matchConditions: [{ name: "odd", expression: "... [] bad expression" }],
      validations: [{ expression: "object.(" }],
    },
  });
  assert.equal(bad.status, 422);
  assert.match(
    bad.body.message,
    /spec.matchConditions\[0\].expression: Invalid value: .*compilation failed: /,
  );
  assert.match(bad.body.message, /spec.validations\[0\].expression: Invalid value: .*compilation failed: /);
});

async function mutate(api: TestApi, more: object): Promise<void> {
  const made = await api.send("POST", `${registration}/mutatingadmissionpolicies`, {
    metadata: { name: "change" },
    spec: {
      matchConstraints: {
        resourceRules: [
          {
            operations: ["CREATE"],
            apiGroups: ["", "apps"],
            apiVersions: ["v1"],
            resources: ["configmaps", "deployments"],
          },
        ],
      },
      reinvocationPolicy: "Never",
      ...more,
    },
  });
  assert.equal(made.status, 201, made.body.message);
  const bound = await api.send("POST", `${registration}/mutatingadmissionpolicybindings`, {
    metadata: { name: "bound" },
    spec: { policyName: "change" },
  });
  assert.equal(bound.status, 201, bound.body.message);
}

const deployments = "/apis/apps/v1/namespaces/default/deployments";
const deployment = {
  metadata: { name: "web" },
  spec: {
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "main", image: "nginx" }] },
    },
  },
};

function applying(expression: string): object {
  return { patchType: "ApplyConfiguration", applyConfiguration: { expression } };
}

test("a mutating policy merges what it gives as server-side apply does", async () => {
  await using api = await openGoverned();
  const expression = `Object{
    spec: Object.spec{
      replicas: object.spec.replicas + 2,
      template: Object.spec.template{
        spec: Object.spec.template.spec{
          containers: [Object.spec.template.spec.containers{name: "side", image: "envoy"}]
        }
      }
    }
  }`;
  await mutate(api, {
    matchConditions: [{ name: "only-web", expression: "object.metadata.name == 'web'" }],
    mutations: [applying(expression)],
  });
  const { body, status } = await api.send("POST", deployments, deployment);
  assert.equal(status, 201, body.message);
  assert.equal(body.spec.replicas, 3);
  const containers = body.spec.template.spec.containers as readonly Record<string, string>[];
  assert.deepEqual(
    containers.map(({ name, image, terminationMessagePath }) => [name, image, terminationMessagePath]),
    [
      ["main", "nginx", "/dev/termination-log"],
      ["side", "envoy", "/dev/termination-log"],
    ],
  );
});

test("a mutating policy may give a JSON patch; later mutations see what earlier ones did", async () => {
  await using api = await openGoverned();
  await mutate(api, {
    variables: [{ name: "size", expression: "string(object.data.size())" }],
    mutations: [
      {
        patchType: "JSONPatch",
        jsonPatch: {
          expression: `[
            JSONPatch{op: "test", path: "/data/own", value: "1"},
            JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("a.b/c"), value: variables.size}
          ]`,
        },
      },
      {
        patchType: "JSONPatch",
        jsonPatch: { expression: `[JSONPatch{op: "add", path: "/data/size", value: variables.size}]` },
      },
    ],
  });
  const made = await api.send("POST", maps, mapOf("a", { own: "1" }, { tier: "web" }));
  assert.deepEqual(made.body.metadata.labels, { tier: "web", "a.b/c": "1" }, made.body.message);
  assert.deepEqual(made.body.data, { own: "1", size: "1" });
  const other = await api.send("POST", maps, mapOf("b", { own: "2", more: "" }, { tier: "web" }));
  assert.deepEqual(other.body.metadata.labels, { tier: "web" });
  assert.deepEqual(other.body.data, { own: "2", more: "", size: "2" });
});

test("what a mutating policy gives optionally is left out when it is nothing", async () => {
  await using api = await openGoverned();
  const fields = `?immutable: optional.none(), ?data: optional.of({"size": string(object.data.size())})`;
  await mutate(api, { mutations: [applying(`Object{${fields}}`)] });
  const { body } = await api.send("POST", maps, mapOf("a", { own: "1" }));
  assert.deepEqual([body.data, body.immutable], [{ own: "1", size: "1" }, undefined], body.message);
});

test("a mutating policy that fails refuses the request, unless that is to be ignored", async () => {
  const mutations = [applying("Object{data: object.missing}")];
  await using api = await openGoverned();
  await mutate(api, { mutations });
  const refused = await api.send("POST", maps, mapOf("a", { own: "1" }));
  assert.deepEqual([refused.status, refused.body.reason], [403, "Invalid"]);
  assert.match(refused.body.message, /^policy 'change' with binding 'bound' denied request: expression /);
  await using other = await openGoverned();
  await mutate(other, { mutations, failurePolicy: "Ignore" });
  assert.equal((await other.send("POST", maps, mapOf("a", { own: "1" }))).status, 201);
});

test("a mutating policy may not replace lists and maps as a whole", async () => {
  await using api = await openGoverned();
  const selector = `Object.spec.selector{matchLabels: {"a": "b"}}`;
  await mutate(api, { mutations: [applying(`Object{spec: Object.spec{selector: ${selector}}}`)] });
  const { body } = await api.send("POST", deployments, deployment);
  assert.equal(
    body.message,
    "policy 'change' with binding 'bound' denied request: error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector",
  );
});
