import { type ChildProcess, execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeObject } from "#api/kube/meta.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { silentLog } from "#base/log.ts";
import { type KubeClient, kubeClient } from "#client/kube/kube-client.ts";
import { collectionPath, type KubeResource } from "#client/kube/kube-resource.ts";
import {
  daemonSets,
  deployments,
  jobs,
  namespaces,
  pods,
  replicaSets,
  replicationControllers,
  serviceAccounts,
  statefulSets,
} from "#client/kube/resources.ts";
import { readText } from "#client/streams.ts";
import { systemTimers } from "#host/system-timers.ts";
import { Informer } from "#orchestrator/informers/informer.ts";
import { type HttpsTransport, httpsTransport } from "#rpc/https-transport.ts";
import { loadBusybox } from "./busybox-image.ts";
import type { Said } from "./cluster.ts";
import { connectSpdyCommand } from "./connect-command.ts";
import { EngineUnderTest } from "./engine.ts";
import { kubectlPath, type KubectlVersion } from "./kubectl.ts";
import { collectionOf, isolate, startServer, textOf } from "./live-place.ts";
import { ProgramLog } from "./program-log.ts";

export type PodSpec = NonNullable<Pod["spec"]>;
type Query = Readonly<Record<string, string>>;

export interface KubectlOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface ObjectPlace {
  readonly namespace: string;
  readonly name: string;
}

/**
 * A whole cluster of one machine, as `gantry up --cluster` has it: an engine and a server with controllers, scheduler, agent, proxy
 * and DNS, each a process of its own, in namespaces of the network and of mounts that are the test's from then on.
 */
export class LiveCluster implements AsyncDisposable {
  readonly engine: EngineUnderTest;
  readonly root: string;
  readonly kube: KubeClient;
  readonly #folder: string;
  readonly #log: ProgramLog;
  readonly #transport: HttpsTransport;
  readonly #pods: Informer<Pod>;
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;
  #server: ChildProcess;

  /** @param clients that are fetched while there is a network to fetch them from */
  static async start(clients: readonly KubectlVersion[] = []): Promise<LiveCluster> {
    for (const version of clients) await kubectlPath(version);
    isolate();
    await using undo = new AsyncDisposableStack();
    const engine = undo.use(await EngineUnderTest.start());
    await loadBusybox(engine);
    const folder = mkdtempSync(join(tmpdir(), "gantry-live-"));
    undo.defer(() => rmSync(folder, { recursive: true, force: true }));
    const log = new ProgramLog();
    const server = await startServer(folder, engine.run, log);
    const opened = undo.move();
    const cluster = new LiveCluster(engine, folder, log, server);
    try {
      await cluster.#ready(AbortSignal.timeout(20_000));
    } catch (error) {
      await cluster.kill("SIGTERM");
      await opened.disposeAsync();
      throw new Error(`the cluster did not start:\n${log.text}`, { cause: error });
    }
    return cluster;
  }

  private constructor(engine: EngineUnderTest, folder: string, log: ProgramLog, server: ChildProcess) {
    this.engine = engine;
    this.#folder = folder;
    this.root = join(folder, "root");
    this.#log = log;
    this.#server = server;
    this.#transport = httpsTransport({ ...this.endpoint, credentials: () => this.credentials });
    this.kube = kubeClient(this.#transport, { userAgent: "test" });
    const deps = { timers: systemTimers, random: Math.random, log: silentLog };
    this.#pods = new Informer(this.kube.of(pods), deps);
    this.#following = this.#pods.run(this.#stop.signal);
  }

  get endpoint(): { readonly host: string; readonly port: number; readonly ca: string } {
    return { host: "127.0.0.1", port: 6443, ca: this.pki("ca.crt") };
  }

  get credentials(): { readonly cert: string; readonly key: string } {
    return { cert: this.pki("admin.crt"), key: this.pki("admin.key") };
  }

  get log(): string {
    return this.#log.text;
  }

  get kubeconfig(): string {
    return join(this.root, "kubeconfig");
  }

  get nodeName(): string {
    return hostname().toLowerCase();
  }

  pki(name: string): string {
    return readFileSync(join(this.root, "cluster/pki", name), "utf8");
  }

  /** The namespace is there, with the account that its pods run as. */
  async namespace(name: string, signal: AbortSignal): Promise<void> {
    const labels = { test: "live" };
    const metadata = { name, labels };
    await this.create({ apiVersion: "v1", kind: "Namespace", metadata }, signal);
    await this.#account(name, signal);
  }

  async #account(namespace: string, signal: AbortSignal): Promise<void> {
    const fieldSelector = "metadata.name=default";
    const client = this.kube.of(serviceAccounts);
    const watch = await client.watch(
      {
        namespace,
        fieldSelector,
        sendInitialEvents: true,
        resourceVersionMatch: "NotOlderThan",
        allowWatchBookmarks: true,
      },
      signal,
    );
    for await (const { type } of watch) if (type === "ADDED") return;
  }

  async #ready(signal: AbortSignal): Promise<void> {
    await this.#account("default", signal);
    await this.#pods.synced(signal);
  }

  /** Creates an object of any kind with the usual plural, in `default` unless it says where. */
  async create<T extends KubeObject>(object: T, signal: AbortSignal): Promise<T> {
    const path = collectionOf(object);
    return await this.kube.requests.json({ method: "POST", path, body: object }, signal);
  }

  /** Creates a pod; what is not given is as small as can be. */
  async pod(name: string, spec: PodSpec, signal: AbortSignal, metadata: Pod["metadata"] = {}): Promise<Pod> {
    const given = { automountServiceAccountToken: false, terminationGracePeriodSeconds: 1, ...spec };
    const meta = { namespace: "default", ...metadata, name };
    return await this.kube
      .of(pods)
      .create({ apiVersion: "v1", kind: "Pod", metadata: meta, spec: given }, signal);
  }

  find(name: string, namespace = "default"): Pod | undefined {
    return this.#pods.cache.find({ namespace, name });
  }

  /** Waits until the pod is so. */
  when(name: string, holds: (pod: Pod) => boolean, signal: AbortSignal, namespace = "default"): Promise<Pod> {
    return this.#until(
      { namespace, name },
      (pod) => (pod !== undefined && holds(pod) ? pod : undefined),
      signal,
    );
  }

  /** Waits until there is something to find in the pods of all namespaces. */
  async whenPods<T>(find: (pods: readonly Pod[]) => T | undefined, signal: AbortSignal): Promise<T> {
    return await this.#await(
      () => find([...this.#pods.cache.list()]),
      () => "what is waited for among the pods is not there",
      signal,
    );
  }

  /** Deletes the pod, and waits until it is gone. */
  async delete(name: string, signal: AbortSignal, namespace = "default"): Promise<void> {
    await this.kube.of(pods).delete({ namespace, name }, {}, signal);
    await this.gone(name, signal, namespace);
  }

  async gone(name: string, signal: AbortSignal, namespace = "default"): Promise<void> {
    await this.#until({ namespace, name }, (pod) => (pod === undefined ? true : undefined), signal);
  }

  async #until<T>(
    ref: ObjectPlace,
    find: (pod: Pod | undefined) => T | undefined,
    signal: AbortSignal,
  ): Promise<T> {
    const last = () => this.#pods.cache.find(ref);
    const tell = () => `${ref.name} stayed ${JSON.stringify(last()?.status ?? "away")}`;
    return await this.#await(() => find(last()), tell, signal);
  }

  async #await<T>(find: () => T | undefined, tell: () => string, signal: AbortSignal): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const look = () => {
      const found = find();
      if (found !== undefined) resolve(found);
    };
    using _handler = this.#pods.handle({ added: look, updated: look, deleted: look });
    look();
    signal.addEventListener("abort", () => reject(new Error(tell())));
    return await promise;
  }

  /** What a container has said so far. */
  async said(name: string, signal: AbortSignal, query: Query = {}, namespace = "default"): Promise<string> {
    return await this.raw(`/api/v1/namespaces/${namespace}/pods/${name}/log`, signal, query);
  }

  /** What a container says, from its start until it is that; else all it says until it ends or the signal aborts. */
  async heard(name: string, wanted: RegExp, signal: AbortSignal, query: Query = {}): Promise<string> {
    const path = `/api/v1/namespaces/default/pods/${name}/log`;
    const request = { method: "GET", path, query: { ...query, follow: "true" } } as const;
    const hasBegun = ({ status }: Pod) => status?.phase !== undefined && status.phase !== "Pending";
    await this.when(name, hasBegun, signal);
    let text = "";
    for await (const bytes of await this.kube.requests.open(request, signal)) {
      text += Buffer.from(bytes).toString();
      if (wanted.test(text)) break; // ends the connection
    }
    return text;
  }

  async raw(path: string, signal: AbortSignal, query: Query = {}): Promise<string> {
    return await readText(await this.kube.requests.open({ method: "GET", path, query }, signal));
  }

  /** What a command in a container writes; its exit code has to be 0. */
  async exec(name: string, command: readonly string[], signal: AbortSignal, container = ""): Promise<string> {
    const query = new URLSearchParams([
      ...command.map((word) => ["command", word]),
      ["stdout", "true"],
      ["stderr", "true"],
      ...(container === "" ? [] : [["container", container]]),
    ]);
    const url = new URL(
      `https://127.0.0.1:6443/api/v1/namespaces/default/pods/${name}/exec?${query.toString()}`,
    );
    const streams = { stdin: false, stdout: true, stderr: true, tty: false };
    using run = await connectSpdyCommand(url, streams, { ...this.endpoint, ...this.credentials }, signal);
    const [out, err, status] = await Promise.all([textOf(run.stdout), textOf(run.stderr), run.status]);
    if (status.status !== "Success")
      throw new Error(`${name}: ${command.join(" ")}: ${status.message}: ${err}${out}`);
    return out;
  }

  sh(name: string, script: string, signal: AbortSignal, container = ""): Promise<string> {
    return this.exec(name, ["sh", "-c", script], signal, container);
  }

  async kubectl(version: KubectlVersion, words: readonly string[], more: KubectlOptions = {}): Promise<Said> {
    const path = await kubectlPath(version);
    const env = { ...process.env, KUBECONFIG: this.kubeconfig, HOME: this.#folder, ...more.env };
    const options = { env, timeout: 60_000, maxBuffer: 32 << 20 };
    return await new Promise((resolve) => {
      const child = execFile(path, words, options, (error, out, err) =>
        resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : 1, out, err }),
      );
      child.stdin?.end(more.input ?? "");
    });
  }

  /** Ends the server, the hard way or politely; pods go on. */
  async kill(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    if (this.#server.exitCode !== null || this.#server.signalCode !== null) return;
    const gone = once(this.#server, "exit");
    this.#server.kill(signal);
    await gone;
  }

  /** Starts the server again. @param flags more of them */
  async up(flags: readonly string[] = []): Promise<void> {
    this.#server = await startServer(this.#folder, this.engine.run, this.#log, flags);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A test that failed may have left them so.
    if (!this.engine.isUp) await this.engine.up();
    if (this.#server.exitCode !== null || this.#server.signalCode !== null) await this.up();
    const signal = AbortSignal.timeout(20_000);
    const left = await this.#empty(signal).catch((error: unknown) => String(error));
    this.#stop.abort();
    await this.#following;
    await this.#transport[Symbol.asyncDispose]();
    await this.kill("SIGTERM");
    const folders = readdirSync(join(this.root, "cluster/node/pods"));
    rmSync(this.#folder, { recursive: true, force: true });
    await this.engine[Symbol.asyncDispose]();
    if (left !== undefined || folders.length > 0)
      throw new Error(`pods are left: ${folders.join(" ")} ${left ?? ""}\n${this.log}`);
  }

  /** Whoever makes pods goes first, or there would be new ones. */
  async #empty(signal: AbortSignal): Promise<undefined> {
    const all = await this.kube.of(namespaces).list({}, signal);
    for (const { metadata } of all.items)
      for (const maker of makers) await this.#deleteAll(maker, metadata.name, signal);
    await this.whenPods((left) => (left.length === 0 ? true : undefined), signal);
    const folder = join(this.root, "cluster/node/pods");
    while (readdirSync(folder).length > 0) {
      signal.throwIfAborted();
      await sleep(20);
    }
  }

  async #deleteAll(
    resource: KubeResource,
    namespace: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const body = { kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds: 0 };
    const path = collectionPath(resource, namespace);
    await this.kube.requests.json({ method: "DELETE", path, body }, signal);
  }
}

const makers: readonly KubeResource[] = [
  deployments,
  statefulSets,
  daemonSets,
  jobs,
  replicaSets,
  replicationControllers,
  pods,
];
