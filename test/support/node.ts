import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { watch } from "node:fs/promises";
import { join } from "node:path";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Node } from "#api/kube/types/core.ts";
import type { KubeObject } from "#api/kube/meta.ts";
import type { ObjectRef } from "#client/kube/kube-resource.ts";
import { silentLog } from "#base/log.ts";
import { type KubeClient, kubeClient } from "#client/kube/kube-client.ts";
import { nodes, pods, serviceAccounts } from "#client/kube/resources.ts";
import { removeCgroup } from "#host/cgroup/tree.ts";
import { readHostFacts } from "#host/facts.ts";
import { systemTimers } from "#host/system-timers.ts";
import { openServer } from "#orchestrator/daemon.ts";
import { type NodeAgent, openAgent } from "#orchestrator/node/agent.ts";
import { Informer } from "#orchestrator/informers/informer.ts";
import { type HttpsTransport, httpsTransport } from "#rpc/https-transport.ts";
import { PodsUnderTest } from "./pods.ts";

const nodeName = "node-under-test";
const cgroupRoot = `/kubepods-test-${process.pid}`;

/** A node of a cluster: a real engine, a real API server, and the agent between them. */
export class NodeUnderTest implements AsyncDisposable {
  readonly kube: KubeClient;
  readonly engine: PodsUnderTest;
  readonly root: string;
  readonly #stack: AsyncDisposableStack;
  readonly #transport: HttpsTransport;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #stop = new AbortController();
  readonly #following: Promise<unknown>;
  #agent: NodeAgent | undefined;

  static async start(): Promise<NodeUnderTest> {
    await using undo = new AsyncDisposableStack();
    const engine = undo.use(await PodsUnderTest.start());
    const root = join(engine.engine.run, "../cluster-root");
    const server = undo.use(
      await openServer({
        root,
        run: join(root, "run"),
        logLevel: "error",
        listen: { host: "127.0.0.1", port: 0 },
        hasAgent: false,
      }),
    );
    const transport = undo.use(httpsTransport(endpoint(root, server.port, "admin")));
    const node = new NodeUnderTest(engine, root, transport, undo.move());
    await node.#account(AbortSignal.timeout(10_000));
    await node.startAgent();
    return node;
  }

  private constructor(
    engine: PodsUnderTest,
    root: string,
    transport: HttpsTransport,
    stack: AsyncDisposableStack,
  ) {
    this.engine = engine;
    this.root = root;
    this.#transport = transport;
    this.#stack = stack;
    this.kube = kubeClient(transport, { userAgent: "test" });
    const deps = { timers: systemTimers, random: Math.random, log: silentLog };
    this.#pods = new Informer(this.kube.of(pods), deps, { namespace: "default" });
    this.#nodes = new Informer(this.kube.of(nodes), deps);
    this.#following = Promise.all([this.#pods.run(this.#stop.signal), this.#nodes.run(this.#stop.signal)]);
  }

  /** Pods are admitted when the account that they run as is there: a controller makes it. */
  async #account(signal: AbortSignal): Promise<void> {
    const deps = { timers: systemTimers, random: Math.random, log: silentLog };
    const accounts = new Informer(this.kube.of(serviceAccounts), deps, { namespace: "default" });
    const stop = new AbortController();
    const following = accounts.run(stop.signal);
    await until(accounts, { namespace: "default", name: "default" }, (account) => account, signal);
    stop.abort();
    await following;
  }

  /** Of the agent's server. */
  get port(): number {
    return this.#agent?.port ?? 0;
  }

  pki(name: string): string {
    return readFileSync(join(this.root, "cluster/pki", name), "utf8");
  }

  async startAgent(): Promise<void> {
    this.#agent = await openAgent({
      transport: this.#transport,
      criEndpoint: `unix://${join(this.engine.engine.run, "cri.sock")}`,
      root: this.root,
      nodeName,
      hostname: nodeName,
      addresses: ["127.0.0.1"],
      timers: systemTimers,
      random: Math.random,
      log: silentLog,
      clusterDns: ["10.96.0.10"],
      clusterDomain: "cluster.local",
      version: "v1.36.0",
      cgroupRoot,
      server: {
        host: "127.0.0.1",
        port: 0,
        identity: {
          certificate: this.pki("kubelet.crt"),
          key: this.pki("kubelet.key"),
          authority: this.pki("ca.crt"),
        },
      },
    });
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.[Symbol.asyncDispose]();
    this.#agent = undefined;
  }

  /** Creates a pod for this node; what is not given is as small as can be. */
  async create(
    name: string,
    spec: NonNullable<Pod["spec"]>,
    signal: AbortSignal,
    metadata: Pod["metadata"] = {},
  ): Promise<Pod> {
    const given = {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      ...spec,
      nodeName,
    };
    return await this.kube
      .of(pods)
      .create(
        { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name, namespace: "default" }, spec: given },
        signal,
      );
  }

  get(name: string, signal: AbortSignal): Promise<Pod | undefined> {
    return this.kube.of(pods).find({ namespace: "default", name }, signal);
  }

  /** Waits until the pod is so. */
  when(name: string, holds: (pod: Pod) => boolean, signal: AbortSignal): Promise<Pod> {
    return this.#until(name, (pod) => (pod !== undefined && holds(pod) ? pod : undefined), signal);
  }

  async delete(name: string, signal: AbortSignal): Promise<void> {
    await this.kube.of(pods).delete({ namespace: "default", name }, {}, signal);
    await this.gone(name, signal);
  }

  async gone(name: string, signal: AbortSignal): Promise<void> {
    await this.#until(name, (pod) => (pod === undefined ? true : undefined), signal);
  }

  /** Waits until the node is so. */
  whenNode(holds: (node: Node) => boolean, signal: AbortSignal): Promise<Node> {
    const find = (node: Node | undefined) => (node !== undefined && holds(node) ? node : undefined);
    return until(this.#nodes, { name: nodeName }, find, signal);
  }

  #until<T>(name: string, find: (pod: Pod | undefined) => T | undefined, signal: AbortSignal): Promise<T> {
    return until(this.#pods, { namespace: "default", name }, find, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const folder = join(this.root, "cluster/node/pods");
    await emptied(folder).catch(() => {}); // what is left is told below
    await this.stopAgent();
    this.#stop.abort();
    await this.#following;
    const left = readdirSync(folder);
    const isGone = removeCgroup(readHostFacts().cgroup, cgroupRoot);
    await this.#stack.disposeAsync();
    assert.deepEqual(left, []);
    assert.ok(isGone);
  }
}

function endpoint(root: string, port: number, name: string) {
  const read = (file: string) => readFileSync(join(root, "cluster/pki", file), "utf8");
  return {
    host: "127.0.0.1",
    port,
    ca: read("ca.crt"),
    credentials: () => ({ cert: read(`${name}.crt`), key: read(`${name}.key`) }),
  };
}

async function until<K extends KubeObject, T>(
  informer: Informer<K>,
  ref: ObjectRef,
  find: (object: K | undefined) => T | undefined,
  signal: AbortSignal,
): Promise<T> {
  await informer.synced(signal);
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const last = () => informer.cache.find(ref);
  const look = () => {
    const found = find(last());
    if (found !== undefined) resolve(found);
  };
  using _handler = informer.handle({ added: look, updated: look, deleted: look });
  look();
  signal.addEventListener("abort", () => reject(new Error(`${ref.name} stayed ${JSON.stringify(last())}`)));
  return await promise;
}

/** The API may forget a pod before the agent has removed all of it. */
async function emptied(folder: string): Promise<void> {
  const changes = watch(folder, { signal: AbortSignal.timeout(10_000) });
  if (readdirSync(folder).length === 0) return;
  for await (const _change of changes) if (readdirSync(folder).length === 0) return;
}
