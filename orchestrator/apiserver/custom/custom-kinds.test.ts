import assert from "node:assert/strict";
import { test } from "node:test";
import { resources } from "#orchestrator/kinds/resources.ts";
import { eventsOf, openTestApi, type TestAnswer, type TestApi } from "../api.fixture.ts";

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const name = "crontabs.stable.example.com";
const objects = "/apis/stable.example.com/v1/namespaces/default/crontabs";

const schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      required: ["cronSpec"],
      properties: {
        cronSpec: { type: "string", pattern: "^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$" },
        replicas: { type: "integer", minimum: 1, maximum: 10, default: 2 },
        ports: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["port"],
          items: {
            type: "object",
            required: ["port"],
            properties: { port: { type: "integer" }, note: { type: "string" } },
          },
        },
      },
    },
    status: { type: "object", properties: { replicas: { type: "integer" }, selector: { type: "string" } } },
  },
};

function definition(more: object = {}): Record<string, unknown> {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: {
      group: "stable.example.com",
      scope: "Namespaced",
      names: { plural: "crontabs", kind: "CronTab", shortNames: ["ct"] },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          subresources: {
            status: {},
            scale: {
              specReplicasPath: ".spec.replicas",
              statusReplicasPath: ".status.replicas",
              labelSelectorPath: ".status.selector",
            },
          },
          additionalPrinterColumns: [{ name: "Cron", type: "string", jsonPath: ".spec.cronSpec" }],
          selectableFields: [{ jsonPath: ".spec.cronSpec" }],
        },
      ],
      ...more,
    },
  };
}

function cronTab(object: string, spec: object = {}): Record<string, unknown> {
  return {
    apiVersion: "stable.example.com/v1",
    kind: "CronTab",
    metadata: { name: object },
    spec: { cronSpec: "* * * * */5", ...spec },
  };
}

async function openWith(body: object): Promise<TestApi> {
  await using undo = new AsyncDisposableStack();
  const api = undo.use(await openTestApi({ resources }));
  assert.equal((await api.send("POST", definitions, body)).status, 201);
  assert.equal((await settled(api)).get("Established")?.status, "True");
  undo.move();
  return api;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** Waits until a definition's names have been looked at; what it is told then. */
async function settled(api: TestApi, named = name): Promise<ReadonlyMap<string, Condition>> {
  const path = `${definitions}?watch=true&fieldSelector=metadata.name%3D${named}`;
  for await (const { object } of eventsOf(api.transport, path, AbortSignal.timeout(10_000))) {
    const { status } = object as { status?: { conditions?: readonly Condition[] } };
    const conditions = new Map(status?.conditions?.map((condition) => [condition.type, condition]));
    if (conditions.has("NamesAccepted")) return conditions;
  }
  throw new Error("the watch has ended");
}

function messageOf({ body }: TestAnswer): string {
  return body.message as string;
}

test("a definition is accepted, established and served, and its objects are kept by its schema", async () => {
  await using api = await openWith(definition());
  const { body } = await api.send("GET", `${definitions}/${name}`);
  assert.deepEqual(body.status.storedVersions, ["v1"]);
  assert.deepEqual(body.status.acceptedNames, {
    plural: "crontabs",
    singular: "crontab",
    shortNames: ["ct"],
    kind: "CronTab",
    listKind: "CronTabList",
  });
  assert.equal((await api.send("GET", "/apis/stable.example.com/v1")).body.resources.length, 3);
  const made = await api.send("POST", objects, cronTab("a", { unknown: 1 }));
  assert.equal(made.status, 201);
  assert.match(
    made.headers["warning"] ?? "",
    /unknown field \\"spec.unknown\\"|unknown field "spec.unknown"/,
  );
  assert.deepEqual(made.body.spec, { cronSpec: "* * * * */5", replicas: 2 });
  assert.equal(made.body.metadata.generation, 1);
  const strict = await api.send("POST", `${objects}?fieldValidation=Strict`, cronTab("b", { unknown: 1 }));
  assert.equal(strict.status, 400);
  assert.match(messageOf(strict), /strict decoding error: unknown field "spec.unknown"/);
});

test("objects that do not fit the schema are refused in the words of the API", async () => {
  await using api = await openWith(definition());
  const refused = async (spec: object) => messageOf(await api.send("POST", objects, cronTab("a", spec)));
  const head = 'CronTab.stable.example.com "a" is invalid: ';
  assert.equal(
    await refused({ replicas: 11 }),
    `${head}spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10`,
  );
  assert.equal(
    await refused({ replicas: "x" }),
    `${head}spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"`,
  );
  assert.match(await refused({ cronSpec: "no" }), /spec.cronSpec in body should match '\^/);
  assert.equal(await refused({ cronSpec: undefined }), `${head}spec.cronSpec: Required value`);
  assert.equal(
    await refused({ ports: [{ port: 1 }, { port: 1 }] }),
    `${head}spec.ports[1]: Duplicate value: {"port":1}`,
  );
});

test("status and scale are subresources of their own", async () => {
  await using api = await openWith(definition());
  await api.send("POST", objects, cronTab("a"));
  const { body } = await api.send("GET", `${objects}/a`);
  const status = await api.send("PUT", `${objects}/a/status`, {
    ...body,
    spec: {},
    status: { replicas: 3, selector: "x=y" },
  });
  assert.deepEqual(status.body.status, { replicas: 3, selector: "x=y" });
  assert.deepEqual(status.body.spec, body.spec);
  const scale = await api.send("GET", `${objects}/a/scale`);
  assert.deepEqual(scale.body.spec, { replicas: 2 });
  assert.deepEqual(scale.body.status, { replicas: 3, selector: "x=y" });
  const scaled = await api.send("PUT", `${objects}/a/scale`, { ...scale.body, spec: { replicas: 5 } });
  assert.equal(scaled.status, 200);
  const now = await api.send("GET", `${objects}/a`);
  assert.equal(now.body.spec.replicas, 5);
  assert.equal(now.body.metadata.generation, 2);
});

test("lists can be selected by fields that the definition names", async () => {
  await using api = await openWith(definition());
  await api.send("POST", objects, cronTab("a"));
  await api.send("POST", objects, cronTab("b", { cronSpec: "1 1 1 1 1" }));
  const found = await api.send("GET", `${objects}?fieldSelector=spec.cronSpec%3D1%201%201%201%201`);
  assert.deepEqual(
    found.body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
    ["b"],
  );
  assert.equal((await api.send("GET", `${objects}?fieldSelector=spec.other%3D1`)).status, 400);
});

test("definitions that make no sense are refused in the words of the API", async () => {
  await using api = await openTestApi({ resources });
  const refused = async (more: object) => messageOf(await api.send("POST", definitions, definition(more)));
  const head = `CustomResourceDefinition.apiextensions.k8s.io "${name}" is invalid: `;
  assert.equal(
    await refused({ group: "other.example.com" }),
    `${head}metadata.name: Invalid value: "${name}": must be spec.names.plural+"."+spec.group`,
  );
  assert.match(
    await refused({ scope: "Other" }),
    /spec.scope: Unsupported value: "Other": supported values: "Cluster", "Namespaced"/,
  );
  const version = (openAPIV3Schema: object) => ({
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema } }],
  });
  assert.equal(
    await refused(
      version({ type: "object", properties: { spec: { properties: { a: { type: "string" } } } } }),
    ),
    `${head}spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields`,
  );
  assert.match(
    await refused(version({ type: "object", properties: { a: { type: "integer", default: "x" } } })),
    /openAPIV3Schema.properties\[a\].default: Invalid value: "string": .* must be of type integer: "string"/,
  );
});

test("two versions are the same objects; what was stored before a default came gets it when it is read", async () => {
  const v2 = { name: "v2", served: true, storage: false, schema: { openAPIV3Schema: { ...schema } } };
  const { versions } = definition()["spec"] as { versions: readonly object[] };
  await using api = await openWith(definition({ versions: [...versions, v2] }));
  await api.send("POST", objects, cronTab("a"));
  const other = await api.send("GET", objects.replace("/v1/", "/v2/"));
  assert.equal(other.body.items[0].apiVersion, "stable.example.com/v2");
  assert.equal(other.body.items[0].spec.replicas, 2);
});

test("a definition that is deleted takes its objects with it", async () => {
  await using api = await openWith(definition());
  await api.send("POST", objects, cronTab("a"));
  const deleted = await api.send("DELETE", `${definitions}/${name}`);
  assert.equal(deleted.status, 200);
  const abort = AbortSignal.timeout(10_000);
  for await (const { type } of eventsOf(api.transport, `${definitions}?watch=true`, abort))
    if (type === "DELETED") break;
  assert.equal((await api.send("GET", `${objects}/a`)).status, 404);
  assert.equal((await api.send("POST", definitions, definition())).status, 201);
  await settled(api);
  assert.deepEqual((await api.send("GET", objects)).body.items, []);
});

test("a name that another definition has is not accepted", async () => {
  await using api = await openWith(definition());
  const other = definition({ names: { plural: "others", kind: "CronTab" } });
  await api.send("POST", definitions, { ...other, metadata: { name: "others.stable.example.com" } });
  const conditions = await settled(api, "others.stable.example.com");
  assert.equal(conditions.get("NamesAccepted")?.status, "False");
  assert.equal(conditions.get("NamesAccepted")?.reason, "ListKindConflict");
  assert.equal(conditions.get("NamesAccepted")?.message, '"CronTabList" is already in use');
  assert.equal(conditions.get("Established")?.reason, "NotAccepted");
});

test("rules in expressions are compiled with the definition and hold for its objects", async () => {
  const rules = [
    {
      rule: "self.minReplicas <= self.replicas",
      messageExpression: "'at least ' + string(self.minReplicas)",
    },
    { rule: "self.replicas >= oldSelf.replicas", message: "replicas may not shrink", fieldPath: ".replicas" },
    {
      rule: "!has(self.name) || self.name.startsWith('x') && quantity(self.size).isLessThan(quantity('2Gi'))",
    },
  ];
  const properties = {
    replicas: { type: "integer" },
    minReplicas: { type: "integer" },
    name: { type: "string" },
    size: { type: "string" },
  };
  const spec = { type: "object", properties, "x-kubernetes-validations": rules };
  const withRules = (own: object) => ({
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", properties: { spec: own } } },
      },
    ],
  });
  await using api = await openWith(definition(withRules(spec)));
  const send = (verb: "POST" | "PUT", path: string, own: object, version = "") =>
    api.send(verb, path, {
      ...cronTab("a"),
      metadata: { name: "a", resourceVersion: version },
      spec: own,
    });
  const head = 'CronTab.stable.example.com "a" is invalid: ';
  assert.equal(
    messageOf(await send("POST", objects, { replicas: 1, minReplicas: 2 })),
    `${head}spec: Invalid value: "object": at least 2`,
  );
  const made = await send("POST", objects, { replicas: 3, minReplicas: 2, name: "xy", size: "1Gi" });
  assert.equal(made.status, 201);
  const { resourceVersion } = made.body.metadata;
  assert.equal(
    messageOf(await send("PUT", `${objects}/a`, { replicas: 2, minReplicas: 2 }, resourceVersion)),
    `${head}spec.replicas: Invalid value: "object": replicas may not shrink`,
  );
  assert.match(
    messageOf(
      await send(
        "PUT",
        `${objects}/a`,
        { replicas: 3, minReplicas: 2, name: "xy", size: "3Gi" },
        resourceVersion,
      ),
    ),
    /failed rule: !has\(self.name\)/,
  );
  const wrong = { ...spec, "x-kubernetes-validations": [{ rule: "self.replicas >" }, { rule: "other > 1" }] };
  const refused = messageOf(await api.send("POST", definitions, definition(withRules(wrong))));
  assert.match(refused, /x-kubernetes-validations\[0\].rule: Invalid value: .*: compilation failed: /);
  assert.match(refused, /x-kubernetes-validations\[1\].rule: Invalid value: .*: compilation failed: /);
});
