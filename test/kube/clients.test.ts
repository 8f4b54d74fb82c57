import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  ApiException,
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  ListWatch,
  makeInformer,
  setHeaderOptions,
  PatchStrategy,
  type V1ConfigMap,
  Watch,
} from "@kubernetes/client-node";
import { ClusterUnderTest } from "../support/cluster.ts";
import { helmPath } from "../support/kubectl.ts";

let cluster: ClusterUnderTest;
before(async () => {
  cluster = await ClusterUnderTest.start();
});
after(async () => {
  await cluster[Symbol.asyncDispose]();
});

function config(): KubeConfig {
  const made = new KubeConfig();
  made.loadFromFile(cluster.kubeconfig);
  return made;
}

test("client-node: objects are made, patched, listed and deleted", async () => {
  const core = config().makeApiClient(CoreV1Api);
  const namespace = "default";
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "a" }, data: { x: "1" } } });
  const body = { data: { y: "2" } };
  const patched = await core.patchNamespacedConfigMap(
    { name: "a", namespace, body },
    setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
  );
  assert.deepEqual(patched.data, { x: "1", y: "2" });
  const list = await core.listNamespacedConfigMap({ namespace });
  assert.ok(list.items.some(({ metadata }) => metadata?.name === "a"));
  await core.deleteNamespacedConfigMap({ name: "a", namespace });
  await assert.rejects(core.readNamespacedConfigMap({ name: "a", namespace }), (error) => {
    assert.ok(error instanceof ApiException);
    return error.code === 404;
  });
});

test("client-node: a watch tells what happens", async () => {
  const own = config();
  const core = own.makeApiClient(CoreV1Api);
  const seen = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<void>();
  const controller = await new Watch(own).watch(
    "/api/v1/namespaces/default/secrets",
    {},
    (phase: string, object: { readonly metadata: { readonly name: string } }) => {
      if (object.metadata.name === "watched") seen.resolve(phase);
    },
    () => ended.resolve(),
  );
  await core.createNamespacedSecret({ namespace: "default", body: { metadata: { name: "watched" } } });
  assert.equal(await seen.promise, "ADDED");
  controller.abort();
  await ended.promise;
});

test("client-node: an informer keeps up", async () => {
  const own = config();
  const core = own.makeApiClient(CoreV1Api);
  const list = () => core.listNamespacedConfigMap({ namespace: "default" });
  const path = "/api/v1/namespaces/default/configmaps";
  const informer = makeInformer(own, path, list);
  const events: string[] = [];
  const done = Promise.withResolvers<void>();
  const note = (kind: string) => (object: V1ConfigMap) => {
    if (object.metadata?.name !== "informed") return;
    events.push(kind);
    if (kind === "delete") done.resolve();
  };
  for (const kind of ["add", "update", "delete"] as const) informer.on(kind, note(kind));
  await informer.start();
  const metadata = { name: "informed", namespace: "default" };
  await core.createNamespacedConfigMap({ namespace: "default", body: { metadata } });
  await core.replaceNamespacedConfigMap({
    name: "informed",
    namespace: "default",
    body: { metadata, data: { a: "1" } },
  });
  await core.deleteNamespacedConfigMap({ name: "informed", namespace: "default" });
  await done.promise;
  await informer.stop();
  assert.deepEqual(events, ["add", "update", "delete"]);
  assert.ok(informer instanceof ListWatch);
});

test("helm 4: a chart is installed, upgraded, rolled back and uninstalled", async () => {
  const helm = await helmPath();
  const chart = mkdtempSync(join(tmpdir(), "gantry-chart-"));
  try {
    mkdirSync(join(chart, "templates"));
    writeFileSync(join(chart, "Chart.yaml"), "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    writeFileSync(join(chart, "values.yaml"), "replicas: 1\n");
    const template = `apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec: {selector: {app: web}, ports: [{port: 80}]}
`;
    writeFileSync(join(chart, "templates", "all.yaml"), template);
    const run = async (...words: string[]) => {
      const { code, out, err } = await cluster.run(helm, words);
      assert.equal(code, 0, `helm ${words.join(" ")}: ${err}${out}`);
      return out;
    };
    const apps = config().makeApiClient(AppsV1Api);
    const replicas = async () =>
      (await apps.readNamespacedDeployment({ name: "r", namespace: "default" })).spec?.replicas;
    await run("install", "r", chart);
    assert.equal(await replicas(), 1);
    await run("upgrade", "r", chart, "--set", "replicas=3");
    assert.equal(await replicas(), 3);
    await run("rollback", "r", "1");
    assert.equal(await replicas(), 1);
    assert.match(await run("history", "r"), /Rollback to 1/);
    await run("uninstall", "r");
    await assert.rejects(replicas());
  } finally {
    rmSync(chart, { recursive: true });
  }
});
