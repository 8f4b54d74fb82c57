import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { load } from "js-yaml";
import type { KubeObject } from "#api/kube/meta.ts";
import type { Deployment } from "#api/kube/types/apps.ts";
import type { Node } from "#api/kube/types/core.ts";
import { silentLog } from "#base/log.ts";
import { type KubeClient, kubeClient } from "#client/kube/kube-client.ts";
import type { KubeResource } from "#client/kube/kube-resource.ts";
import {
  configMaps,
  persistentVolumeClaims,
  persistentVolumes,
  daemonSets,
  jobs,
  statefulSets,
  deployments,
  namespaces,
  nodes,
  pods,
  replicaSets,
  serviceAccounts,
} from "#client/kube/resources.ts";
import { systemTimers } from "#host/system-timers.ts";
import { openServer } from "#orchestrator/daemon.ts";
import { InformerFactory } from "#orchestrator/informers/informer-factory.ts";
import { httpsTransport } from "#rpc/https-transport.ts";

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: Readonly<Record<string, string>> }[];
  readonly users: readonly { readonly user: Readonly<Record<string, string>> }[];
}

interface World extends AsyncDisposable {
  readonly kube: KubeClient;
  readonly signal: AbortSignal;
  until<T extends KubeObject>(
    resource: KubeResource<T>,
    isWanted: (all: readonly T[]) => boolean,
  ): Promise<readonly T[]>;
}

/** A whole cluster without a node agent, and a client of it over TLS. */
async function open(): Promise<World> {
  await using undo = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "control-plane-"));
  undo.defer(() => rmSync(folder, { recursive: true }));
  const listen = { host: "127.0.0.1", port: 0 };
  const options = {
    root: folder,
    run: join(folder, "run"),
    logLevel: "error" as const,
    listen,
    hasAgent: false,
  };
  const server = undo.use(await openServer(options));
  const config = load(readFileSync(join(folder, "kubeconfig"), "utf8")) as Kubeconfig;
  const text = (base64: string | undefined) => Buffer.from(base64 ?? "", "base64").toString();
  const [{ cluster } = { cluster: {} }, { user } = { user: {} }] = [config.clusters[0], config.users[0]];
  const transport = undo.use(
    httpsTransport({
      host: "127.0.0.1",
      port: server.port,
      ca: text(cluster["certificate-authority-data"]),
      credentials: () => ({
        cert: text(user["client-certificate-data"]),
        key: text(user["client-key-data"]),
      }),
    }),
  );
  const kube = kubeClient(transport, { userAgent: "test" });
  const stop = new AbortController();
  const informers = new InformerFactory(kube, { timers: systemTimers, random: Math.random, log: silentLog });
  informers.start(stop.signal);
  undo.defer(async () => {
    stop.abort();
    await informers.ended();
  });
  const opened = undo.move();
  return {
    kube,
    signal: stop.signal,
    async until(resource, isWanted) {
      const informer = informers.of(resource);
      const done = Promise.withResolvers<void>();
      const check = () => isWanted([...informer.cache.list()]) && done.resolve();
      using _ = informer.handle({ added: check, updated: check, deleted: check });
      await informer.synced(stop.signal);
      check();
      await done.promise;
      return [...informer.cache.list()];
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function deployment(name: string): Deployment {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: "web", image: "web" }] } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace: "default", name },
    spec: { replicas: 2, selector: { matchLabels: labels }, template },
  };
}

async function addNode({ kube, signal }: World): Promise<void> {
  await kube.of(nodes).create({ apiVersion: "v1", kind: "Node", metadata: { name: "n" }, spec: {} }, signal);
  const allocatable = { cpu: "4", memory: "8Gi", pods: "110" };
  const lastHeartbeatTime = new Date().toISOString();
  const conditions = [{ type: "Ready", status: "True", lastHeartbeatTime }];
  const options = { type: "strategic", subresource: "status" } as const;
  const status: Node["status"] = { capacity: allocatable, allocatable, conditions };
  await kube.of(nodes).patch({ name: "n" }, { status }, options, signal);
}

const of = (name: string) => ({ namespace: "default", name });

test("control plane: a Deployment gets pods with a node; deletions in the foreground, in the background and without dependents do what they say", async () => {
  await using world = await open();
  const { kube, signal } = world;
  const until: World["until"] = (resource, isWanted) => world.until(resource, isWanted);
  await until(serviceAccounts, (all) => all.some(({ metadata }) => metadata.namespace === "default"));
  await until(configMaps, (all) => all.some(({ metadata }) => metadata.name === "kube-root-ca.crt"));
  for (const name of ["back", "front", "orphan"]) await kube.of(deployments).create(deployment(name), signal);
  await until(pods, (all) => all.length === 6);
  // nobody has a node yet, so pods go at once
  await kube.of(deployments).delete(of("back"), { propagationPolicy: "Background" }, signal);
  await kube.of(deployments).delete(of("front"), { propagationPolicy: "Foreground" }, signal);
  await kube.of(deployments).delete(of("orphan"), { propagationPolicy: "Orphan" }, signal);
  await until(deployments, (all) => all.length === 0);
  const left = await until(
    replicaSets,
    (all) => all.length === 1 && all[0]?.metadata.ownerReferences === undefined,
  );
  assert.equal(left[0]?.metadata.labels?.["app"], "orphan");
  await until(pods, (all) => all.length === 2);
  await addNode(world);
  const placed = await until(pods, (all) => all.every(({ spec }) => spec.nodeName === "n"));
  assert.equal(placed.length, 2);
});

test("control plane: a namespace that is deleted takes all with it, its pods first", async () => {
  await using world = await open();
  const { kube, signal } = world;
  const until: World["until"] = (resource, isWanted) => world.until(resource, isWanted);
  const space = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" }, spec: {} } as const;
  await kube.of(namespaces).create(space, signal);
  await until(serviceAccounts, (all) => all.some(({ metadata }) => metadata.namespace === "shop"));
  const held = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace: "shop", name: "held", finalizers: ["example.com/hold"] },
  } as const;
  await kube.of(configMaps).create(held, signal);
  await kube
    .of(deployments)
    .create({ ...deployment("web"), metadata: { namespace: "shop", name: "web" } }, signal);
  await until(pods, (all) => all.length === 2);
  await kube.of(namespaces).delete({ name: "shop" }, {}, signal);
  const terminating = await until(namespaces, (all) =>
    all.some(({ status }) =>
      status?.conditions?.some(
        ({ type, status: value }) => type === "NamespaceFinalizersRemaining" && value === "True",
      ),
    ),
  );
  const conditions = terminating.find(({ metadata }) => metadata.name === "shop")?.status?.conditions ?? [];
  assert.match(
    conditions.find(({ type }) => type === "NamespaceContentRemaining")?.message ?? "",
    /^Some resources are remaining: configmaps\. has 1 resource instances/,
  );
  assert.equal([...(await until(pods, () => true))].length, 0);
  await kube
    .of(configMaps)
    .patch(
      { namespace: "shop", name: "held" },
      { metadata: { finalizers: null } },
      { type: "merge" },
      signal,
    );
  await until(namespaces, (all) => !all.some(({ metadata }) => metadata.name === "shop"));
});

test("control plane: StatefulSets, DaemonSets and Jobs get their pods, with defaults and checks of the API", async () => {
  await using world = await open();
  const { kube, signal } = world;
  await world.until(serviceAccounts, (all) => all.some(({ metadata }) => metadata.namespace === "default"));
  await addNode(world);
  const node = await world.until(
    nodes,
    ([one]) => one?.spec.podCIDR !== undefined && (one.spec.taints ?? []).length === 0,
  );
  assert.equal(node[0]?.spec.podCIDR, "10.244.0.0/24");
  const { selector, template } = deployment("set").spec;
  const asked = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } as const;
  const claim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data" },
    spec: asked,
  } as const;
  const set = {
    replicas: 2,
    serviceName: "set",
    podManagementPolicy: "Parallel",
    selector,
    template,
    volumeClaimTemplates: [claim],
  } as const;
  await kube
    .of(statefulSets)
    .create({ apiVersion: "apps/v1", kind: "StatefulSet", metadata: of("set"), spec: set }, signal);
  const daemon = deployment("daemon").spec;
  const everywhere = { selector: daemon.selector, template: daemon.template };
  await kube
    .of(daemonSets)
    .create({ apiVersion: "apps/v1", kind: "DaemonSet", metadata: of("daemon"), spec: everywhere }, signal);
  const once = {
    template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } },
  } as const;
  await kube
    .of(jobs)
    .create({ apiVersion: "batch/v1", kind: "Job", metadata: of("job"), spec: once }, signal);
  const all = await world.until(
    pods,
    (found) => found.length === 4 && found.every(({ spec }) => spec.nodeName === "n"),
  );
  const volumes = await world.until(
    persistentVolumes,
    (found) => found.length === 2 && found.every(({ status }) => status?.phase === "Bound"),
  );
  assert.ok(
    volumes.every(
      ({ spec }) => spec?.storageClassName === "local-path" && spec.claimRef?.namespace === "default",
    ),
  );
  const job = all.find(({ metadata }) => metadata.labels?.["batch.kubernetes.io/job-name"] === "job");
  const status = { phase: "Succeeded" };
  await kube
    .of(pods)
    .patch(of(job?.metadata.name ?? ""), { status }, { type: "strategic", subresource: "status" }, signal);
  await world.until(
    jobs,
    ([one]) => one?.status?.conditions?.some(({ type }) => type === "Complete") === true,
  );
  await kube.of(statefulSets).delete(of("set"), {}, signal);
  for (const { metadata } of all)
    if (metadata.name?.startsWith("set-"))
      await kube.of(pods).delete(of(metadata.name), { gracePeriodSeconds: 0 }, signal);
  await kube.of(persistentVolumeClaims).deleteCollection({ namespace: "default" }, {}, signal);
  await world.until(persistentVolumes, (found) => found.length === 0);
});
