import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { KubeObject } from "#api/kube/meta.ts";
import { silentLog } from "#base/log.ts";
import { mutatingWebhooks, validatingWebhooks } from "#orchestrator/admission/callouts/webhooks.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import { resources } from "#orchestrator/kinds/resources.ts";
import { allowAll, openTestApi, type TestAnswer, type TestApi } from "../api.fixture.ts";
import { httpsWebhooks } from "./https-caller.ts";
import { type Hook, openHook } from "./webhook.fixture.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const configurations = "/apis/admissionregistration.k8s.io/v1";

async function openHooked(): Promise<TestApi> {
  return await openTestApi({
    resources,
    plugins: ({ cache }) => {
      const deps = {
        objects: cache,
        authorizer: allowAll.authorizer,
        call: httpsWebhooks(cache),
        newUid: randomUUID,
        log: silentLog,
      };
      return [mutatingWebhooks(deps), validatingWebhooks(deps)];
    },
  });
}

async function configure(
  api: TestApi,
  kind: "Mutating" | "Validating",
  hook: Pick<Hook, "url" | "caBundle">,
  more: object = {},
): Promise<TestAnswer> {
  const answer = await api.send("POST", `${configurations}/${kind.toLowerCase()}webhookconfigurations`, {
    metadata: { name: "hooks" },
    webhooks: [
      {
        name: "hook.example.com",
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        clientConfig: { url: hook.url, caBundle: hook.caBundle },
        rules: [
          {
            operations: ["CREATE", "UPDATE", "DELETE"],
            apiGroups: [""],
            apiVersions: ["v1"],
            resources: ["configmaps"],
          },
        ],
        ...more,
      },
    ],
  });
  assert.equal(answer.status, 201, answer.body.message);
  return answer;
}

const mapOf = (name: string, data: object = {}) => ({ metadata: { name }, data });

test("a validating webhook refuses with its own words and code, and sees what is asked", async () => {
  await using hook = await openHook(({ object }) =>
    object?.data?.bad === "yes"
      ? { allowed: false, status: { message: "it is bad", code: 418, reason: "Teapot" } }
      : { allowed: object?.data?.worse === undefined, warnings: ["take care"] },
  );
  await using api = await openHooked();
  await configure(api, "Validating", hook);
  const bad = await api.send("POST", maps, mapOf("a", { bad: "yes" }));
  assert.equal(bad.body.message, 'admission webhook "hook.example.com" denied the request: it is bad');
  assert.deepEqual([bad.status, bad.body.code, bad.body.reason], [418, 418, "Teapot"]);
  const worse = await api.send("POST", maps, mapOf("a", { worse: "yes" }));
  assert.equal(
    worse.body.message,
    'admission webhook "hook.example.com" denied the request without explanation',
  );
  assert.equal(worse.status, 400);
  const good = await api.send("POST", maps, mapOf("a", { good: "yes" }));
  assert.equal(good.status, 201);
  assert.match(good.headers["warning"] ?? "", /299 - "take care"/);
  const asked = hook.asked.at(-1);
  assert.deepEqual(
    [asked?.operation, asked?.name, asked?.namespace, asked?.userInfo.username, asked?.dryRun],
    ["CREATE", "a", "default", "tester", false],
  );
  assert.deepEqual(asked?.kind, { group: "", version: "v1", kind: "ConfigMap" });
  assert.deepEqual([asked?.oldObject, asked?.options.kind], [null, "CreateOptions"]);
  assert.equal(asked?.object.kind, "ConfigMap");
});

test("deletions are asked about with the object that goes", async () => {
  await using hook = await openHook(({ operation }) => ({ allowed: operation !== "DELETE" }));
  await using api = await openHooked();
  await configure(api, "Validating", hook);
  assert.equal((await api.send("POST", maps, mapOf("a"))).status, 201);
  assert.equal((await api.send("DELETE", `${maps}/a`)).status, 400);
  const asked = hook.asked.at(-1);
  assert.deepEqual([asked?.operation, asked?.name, asked?.object], ["DELETE", "a", null]);
  assert.equal(asked?.oldObject?.kind, "ConfigMap");
});

test("a mutating webhook changes what is stored", async () => {
  const patch = [{ op: "add", path: "/data/mutation", value: "done" }];
  await using hook = await openHook(() => ({
    allowed: true,
    patchType: "JSONPatch",
    patch: Buffer.from(JSON.stringify(patch)).toString("base64"),
  }));
  await using api = await openHooked();
  await configure(api, "Mutating", hook);
  const made = await api.send("POST", maps, mapOf("a", { own: "1" }));
  assert.deepEqual(made.body.data, { own: "1", mutation: "done" });
  assert.deepEqual((await api.send("GET", `${maps}/a`)).body.data, { own: "1", mutation: "done" });
  const bare = await api.send("POST", maps, { metadata: { name: "b" } });
  assert.equal(bare.status, 500);
  assert.match(bare.body.message, /^Internal error occurred: /);
});

test("a webhook that does not answer fails the request, unless that is to be ignored", async () => {
  await using hook = await openHook(() => undefined);
  await using api = await openHooked();
  await configure(api, "Validating", hook, { timeoutSeconds: 1 });
  const late = await api.send("POST", maps, mapOf("a"));
  assert.equal(late.status, 500);
  assert.equal(
    late.body.message,
    `Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: Post "${hook.url}?timeout=1s": context deadline exceeded`,
  );
  await using other = await openHooked();
  await configure(other, "Validating", hook, { timeoutSeconds: 1, failurePolicy: "Ignore" });
  assert.equal((await other.send("POST", maps, mapOf("a"))).status, 201);
});

test("a webhook whose certificate is not trusted is not asked", async () => {
  await using hook = await openHook(() => ({ allowed: true }));
  await using stranger = await openHook(() => ({ allowed: true }));
  await using api = await openHooked();
  await configure(api, "Validating", { url: hook.url, caBundle: stranger.caBundle });
  const answer = await api.send("POST", maps, mapOf("a"));
  assert.equal(answer.status, 500);
  assert.match(answer.body.message, /tls: failed to verify certificate/);
  assert.equal(hook.asked.length, 0);
});

test("selectors and conditions tell what a webhook is asked about", async () => {
  await using hook = await openHook(() => ({ allowed: false }));
  await using api = await openHooked();
  await api.send("POST", "/api/v1/namespaces", { metadata: { name: "free", labels: { guard: "off" } } });
  await configure(api, "Validating", hook, {
    namespaceSelector: { matchExpressions: [{ key: "guard", operator: "NotIn", values: ["off"] }] },
    objectSelector: { matchLabels: { guarded: "yes" } },
    matchConditions: [
      { name: "not-mine", expression: "object.metadata.name != 'mine'" },
      { name: "not-tester", expression: "request.operation == 'CREATE' && has(object.data)" },
    ],
  });
  const guarded = (name: string) => ({ metadata: { name, labels: { guarded: "yes" } }, data: { a: "1" } });
  const status = async (body: object, path = maps) => (await api.send("POST", path, body)).status;
  assert.equal(await status(guarded("a")), 400);
  assert.equal(await status(guarded("mine")), 201);
  assert.equal(await status({ ...guarded("b"), data: undefined }), 201);
  assert.equal(await status(mapOf("c", { a: "1" })), 201);
  assert.equal(await status(guarded("a"), "/api/v1/namespaces/free/configmaps"), 201);
});

test("a condition that fails refuses the request", async () => {
  await using hook = await openHook(() => ({ allowed: true }));
  await using api = await openHooked();
  await configure(api, "Validating", hook, {
    matchConditions: [{ name: "odd", expression: "object.data.missing == 'x'" }],
  });
  const answer = await api.send("POST", maps, mapOf("a", { a: "1" }));
  assert.equal(answer.status, 403);
  assert.match(answer.body.message, /^configmaps "a" is forbidden: /);
});

test("a rehearsal does not reach webhooks with side effects", async () => {
  await using hook = await openHook(() => ({ allowed: true }));
  await using api = await openHooked();
  await configure(api, "Validating", hook, { sideEffects: "None" });
  assert.equal((await api.send("POST", `${maps}?dryRun=All`, mapOf("a"))).status, 201);
  assert.equal(hook.asked.at(-1)?.dryRun, true);
});

test("configurations of webhooks cannot be guarded by webhooks", async () => {
  await using hook = await openHook(() => ({ allowed: false }));
  await using api = await openHooked();
  await configure(api, "Validating", hook, {
    rules: [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"] }],
  });
  assert.equal((await api.send("POST", maps, mapOf("a"))).status, 400);
  const path = `${configurations}/validatingwebhookconfigurations/hooks`;
  assert.equal((await api.send("DELETE", path)).status, 200);
  assert.equal((await api.send("POST", maps, mapOf("a"))).status, 201);
});

test("webhooks may forbid connections to pods", async () => {
  await using hook = await openHook(() => ({ allowed: false, status: { message: "no way in" } }));
  await using api = await openHooked();
  const rule = { operations: ["CONNECT"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods/attach"] };
  await configure(api, "Validating", hook, { rules: [rule] });
  const pods = "/api/v1/namespaces/default/pods";
  const made = await api.send("POST", pods, {
    metadata: { name: "a" },
    spec: { containers: [{ name: "main", image: "nginx" }] },
  });
  assert.equal(made.status, 201, made.body.message);
  const answer = await api.send("POST", `${pods}/a/attach`);
  assert.equal(answer.body.message, 'admission webhook "hook.example.com" denied the request: no way in');
  const [asked] = hook.asked;
  assert.deepEqual([asked?.kind.kind, asked?.name, asked?.options], ["PodAttachOptions", "a", null]);
});

test("webhooks of services are called at a ready endpoint, by the service's name", async () => {
  await using hook = await openHook(() => ({ allowed: false }));
  const client = { service: { namespace: "default", name: "hook", path: "check" }, caBundle: hook.caBundle };
  const type = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" };
  const review = { ...type, request: { uid: "1" } };
  const { signal } = new AbortController();
  const endpointsOf = (...ready: readonly boolean[]): ObjectReader =>
    readerOf({
      services: [
        { metadata: { name: "hook" }, spec: { ports: [{ name: "https", port: 443, targetPort: 8443 }] } },
      ],
      "endpointslices.discovery.k8s.io": [
        {
          metadata: { name: "hook-1", labels: { "kubernetes.io/service-name": "hook" } },
          endpoints: ready.map((each) => ({
            addresses: [each ? "127.0.0.1" : "127.0.0.2"],
            conditions: { ready: each },
          })),
          ports: [{ name: "https", port: Number(new URL(hook.url).port) }],
        },
      ],
    });
  const answer = await httpsWebhooks(endpointsOf(false, true))(client, review, 5, signal);
  assert.deepEqual(answer, {
    ...type,
    response: { uid: "1", allowed: false },
  });
  await assert.rejects(httpsWebhooks(endpointsOf(false))(client, review, 5, signal), {
    message:
      'Post "https://hook.default.svc:443/check?timeout=5s": no endpoints available for service "hook"',
  });
  await assert.rejects(httpsWebhooks(readerOf({}))(client, review, 5, signal), {
    message: 'Post "https://hook.default.svc:443/check?timeout=5s": service "hook" not found',
  });
});

function readerOf(all: Readonly<Record<string, readonly unknown[]>>): ObjectReader {
  const list = (resource: string) => (all[resource] ?? []) as readonly KubeObject[];
  return {
    list: <T extends KubeObject>(resource: string) => list(resource) as readonly T[],
    find: <T extends KubeObject>(resource: string, _namespace: string | undefined, name: string) =>
      list(resource).find(({ metadata }) => metadata.name === name) as T | undefined,
    onChange: () => ({ [Symbol.dispose]: () => undefined }),
  };
}
