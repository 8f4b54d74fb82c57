import { mkdirSync, readdirSync, readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { isFault, messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { sleep, type Timers } from "#base/timers.ts";
import { kubeClient } from "#client/kube/kube-client.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { nodes, persistentVolumeClaims, persistentVolumes, pods, services } from "#client/kube/resources.ts";
import type { Transport } from "#client/transport.ts";
import { type HostFacts, readHostFacts } from "#host/facts.ts";
import { readHostIdentity } from "#host/identity.ts";
import { EventBroadcaster } from "#orchestrator/informers/event-recorder.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { InformerFactory } from "#orchestrator/informers/informer-factory.ts";
import { criClient, type CriClient } from "#rpc/cri-client.ts";
import { Evictor } from "./eviction/evictor.ts";
import { type PressureType, type Threshold, usualThresholds } from "./eviction/thresholds.ts";
import { ImageCollector } from "./image-gc.ts";
import { ImagePuller } from "./image-puller.ts";
import { labelOf } from "./labels.ts";
import { rotateLogs } from "./logs/rotate-logs.ts";
import { findMirror, type MirrorDeps, syncMirrors } from "./mirror-pods.ts";
import type { NodeDeps } from "./node-deps.ts";
import { tellPod } from "./node-deps.ts";
import { nodeFolders } from "./node-folders.ts";
import type { NodeFacts } from "./node-object.ts";
import { NodeReporter } from "./node-reporter.ts";
import { ObjectWatches } from "./object-watches.ts";
import { PodActions } from "./pod-actions.ts";
import { parseResolver } from "./pod-dns.ts";
import { PodWorker } from "./pod-worker.ts";
import { isDeleted, isHostNetwork, isStatic, namespaceOf, uidOf } from "./pod.ts";
import { findMirrorHash, followStaticPods } from "./static-pods.ts";
import { ContainerProbes } from "./probes/container-probes.ts";
import { RuntimeReader } from "./read-runtime.ts";
import { followRuntime } from "./runtime-events.ts";
import { type NodeServer, openNodeServer, type ServerIdentity } from "./server/node-server.ts";
import { ServiceAccountTokens } from "./service-account-tokens.ts";
import { StatusWriter } from "./status-writer.ts";
import { findTrustBundle } from "./trust-bundle.ts";
import { PodVolumes, type VolumeSources } from "./volumes/pod-volumes.ts";

export interface AgentOptions {
  /** How the API server is reached, as `system:node:<nodeName>`. */
  readonly transport: Transport;
  /** The runtime's socket: a path, or `unix://` and a path. */
  readonly criEndpoint: string;
  /** Absolute; what must survive a reboot is in its folder `cluster/node`. */
  readonly root: string;
  readonly nodeName: string;
  readonly hostname: string;
  /** Addresses of this machine that others reach it at, the first one first of all. */
  readonly addresses: readonly string[];
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Log;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly version: string;
  /** Where the agent's own server listens; undefined: it has none. */
  readonly server?: {
    readonly host: string;
    readonly port: number;
    readonly identity: ServerIdentity;
  };
  /** Sysctls that pods may have beside the safe ones; a final `*` stands for anything. */
  readonly allowedSysctls?: readonly string[];
  /** What there must be less of before pods are evicted; absent: upstream's amounts. */
  readonly evictionThresholds?: readonly Threshold[];
  /** Above all cgroups of pods. */
  readonly cgroupRoot?: string;
}

export interface NodeAgent extends AsyncDisposable {
  /** Where its server listens; 0 without one. */
  readonly port: number;
  /** Its server's new connections are made with it; those there are go on. */
  renewTls(identity: ServerIdentity): void;
}

const maxPods = 110;
const [logsMs, imagesMs, mirrorsMs, pressureMs] = [10_000, 300_000, 10_000, 10_000];
const runtimeWaitMs = 500;

/**
 * Runs the pods that the cluster gives this machine. Disposing of it leaves all of them running; opened again it finds them as they
 * are. It needs neither the API server nor the runtime to be there: it waits for them.
 */
export async function openAgent(options: AgentOptions): Promise<NodeAgent> {
  await using undo = new AsyncDisposableStack();
  const agent = undo.use(new Agent(options));
  await agent.open();
  const opened = undo.move();
  return {
    port: agent.port,
    renewTls: (identity) => agent.renewTls(identity),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

class Agent implements AsyncDisposable {
  #server: NodeServer | undefined;
  readonly #options: AgentOptions;
  readonly #stack = new AsyncDisposableStack();
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>[] = [];
  readonly #workers = new Map<string, PodWorker>();
  /** The pods that files describe. */
  #static: readonly Pod[] = [];
  #evictor: Evictor | undefined;
  #findMirror: (pod: Pod) => Pod | undefined = () => undefined;
  readonly #host: HostFacts = readHostFacts();

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { root, log } = this.#options;
    const { signal } = this.#stop;
    const folders = nodeFolders(join(root, "cluster", "node"));
    for (const folder of [folders.pods, folders.logs]) mkdirSync(folder, { recursive: true, mode: 0o755 });
    const cri = this.#stack.use(criClient(this.#options.criEndpoint.replace(/^unix:\/\//, "")));
    const deps = this.#deps(cri);
    await this.#serve(deps);
    this.#running.push(
      this.#work(deps, signal).catch((error: unknown) =>
        log.error("the node agent ended", { error: messageOf(error) }),
      ),
    );
  }

  async #serve(deps: NodeDeps): Promise<void> {
    const { server } = this.#options;
    if (server === undefined) return;
    this.#server = this.#stack.use(
      await openNodeServer({
        ...server,
        deps,
        find: (uid) => this.#workers.get(uid)?.pod,
        pods: () => [...this.#workers.values()].map(({ pod }) => pod),
      }),
    );
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  renewTls(identity: ServerIdentity): void {
    this.#server?.renewTls(identity);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([...this.#running, ...[...this.#workers.values()].map(({ ended }) => ended)]);
    await this.#stack.disposeAsync();
  }

  #deps(cri: CriClient): NodeDeps {
    const {
      transport,
      timers,
      log,
      nodeName,
      hostname,
      addresses,
      clusterDns,
      clusterDomain,
      root,
      version,
    } = this.#options;
    const kube = kubeClient(transport, { userAgent: `kubelet/${version}` });
    const recorder = new EventBroadcaster({ kube, timers, log }, this.#stop.signal).recorder(
      "kubelet",
      nodeName,
    );
    return {
      cri,
      kube,
      timers,
      log,
      recorder,
      folders: nodeFolders(join(root, "cluster", "node")),
      nodeName,
      hostname,
      hostIps: addresses,
      machine: { memoryBytes: this.#host.memory, cpus: this.#host.cpus },
      clusterDns,
      clusterDomain,
      resolver: () => parseResolver(readText("/etc/resolv.conf")),
      allowedSysctls: this.#options.allowedSysctls ?? [],
    };
  }

  async #work(deps: NodeDeps, signal: AbortSignal): Promise<void> {
    const runtime = await this.#runtimeVersion(deps, signal);
    const reporter = new NodeReporter(deps, this.#facts(), runtime, () => this.#pressures());
    const reflectors = { timers: deps.timers, random: this.#options.random, log: deps.log };
    const factory = new InformerFactory(deps.kube, reflectors);
    const own = factory.of(pods, { fieldSelector: `spec.nodeName=${deps.nodeName}` });
    const allServices = factory.of(services);
    const ownNode = factory.of(nodes, { fieldSelector: `metadata.name=${deps.nodeName}` });
    const wake = (uid: string) => this.#workers.get(uid)?.wake();
    const watches = new ObjectWatches({ ...reflectors, kube: deps.kube, changed: wake });
    const actions = this.#actions(deps, reporter, runtime.name, watches, () => [...allServices.cache.list()]);
    const cidr = this.#podCidr(deps);
    ownNode.handle({ added: cidr, updated: cidr });
    factory.start(signal);
    const images = new ImageCollector(deps);
    const evictor = this.#openEvictor(deps, images, reporter);
    this.#running.push(
      reporter.run(signal),
      factory.ended(),
      every(
        deps,
        logsMs,
        () => this.#hasRunning(),
        (until) => rotateLogs(deps, until),
        signal,
      ),
      every(
        deps,
        imagesMs,
        () => true,
        (until) => images.collect(until),
        signal,
      ),
      every(
        deps,
        pressureMs,
        () => this.#hasRunning() || evictor.pressures.size > 0,
        (until) => evictor.look(until),
        signal,
      ),
    );
    const mirrors = this.#mirrors(deps, reporter, own.cache);
    await this.#followFiles(deps, actions, mirrors, signal);
    await own.synced(signal);
    await allServices.synced(signal);
    await this.#findLeftovers(deps, actions, [...own.cache.list(), ...this.#static], signal);
    const put = (pod: Pod) => this.#put(pod, actions, mirrors);
    own.handle({ added: put, updated: put, deleted: (pod) => this.#drop(pod, mirrors) });
    await followRuntime({ cri: deps.cri, timers: deps.timers, log: deps.log, changed: wake }, signal);
    await watches[Symbol.asyncDispose]();
  }

  #openEvictor(deps: NodeDeps, images: ImageCollector, reporter: NodeReporter): Evictor {
    this.#evictor = new Evictor({
      ...deps,
      thresholds: this.#options.evictionThresholds ?? usualThresholds,
      running: () => [...this.#workers.values()].filter((worker) => !worker.isEnded).map(({ pod }) => pod),
      evict: (pod, verdict, graceMs) => this.#workers.get(uidOf(pod))?.evict(verdict, graceMs),
      removeImages: (until) => images.collect(until, true),
      changed: () => void reporter.tell(this.#stop.signal),
    });
    return this.#evictor;
  }

  #pressures(): ReadonlySet<PressureType> {
    return this.#evictor?.pressures ?? new Set();
  }

  #hasRunning(): boolean {
    return this.#workers.values().some((worker) => !worker.isEnded);
  }

  #mirrors(deps: NodeDeps, reporter: NodeReporter, known: IndexedCache<Pod>): MirrorDeps {
    const node = () => {
      const uid = reporter.node?.metadata.uid;
      return uid === undefined ? undefined : { name: deps.nodeName, uid };
    };
    this.#findMirror = (pod) => findMirror(mirrors, pod);
    const mirrors: MirrorDeps = {
      ...deps,
      node,
      find: (namespace, name) => known.find({ namespace, name }),
      list: () => known.list(),
    };
    return mirrors;
  }

  /** Settles when the files that are there have been read. Their pods need no API. */
  async #followFiles(
    deps: NodeDeps,
    actions: PodActions,
    mirrors: MirrorDeps,
    signal: AbortSignal,
  ): Promise<void> {
    const first = Promise.withResolvers<void>();
    const tell = (pods: readonly Pod[]) => {
      this.#setStatic(pods, actions);
      first.resolve();
      void syncMirrors(mirrors, this.#static, signal);
    };
    const options = { folder: join(deps.folders.root, "manifests"), nodeName: deps.nodeName, log: deps.log };
    const sync = (until: AbortSignal) => syncMirrors(mirrors, this.#static, until);
    this.#running.push(
      followStaticPods(options, tell, signal),
      every(deps, mirrorsMs, () => this.#static.length > 0, sync, signal),
    );
    await first.promise;
  }

  #setStatic(pods: readonly Pod[], actions: PodActions): void {
    const wanted = new Set(pods.map(uidOf));
    const ending = new Map<string, Promise<void>>();
    for (const worker of this.#workers.values()) {
      const { pod } = worker;
      if (!isStatic(pod) || wanted.has(uidOf(pod))) continue;
      worker.remove();
      ending.set(keyOf(pod), worker.ended);
    }
    this.#static = pods;
    for (const pod of pods) {
      if (this.#workers.has(uidOf(pod))) continue;
      // What replaces a pod waits for its end: both want the same names and ports.
      const start = () => {
        if (!this.#stop.signal.aborted && this.#static.includes(pod)) this.#start(pod, actions);
      };
      const before = ending.get(keyOf(pod));
      if (before === undefined) start();
      else void before.then(start);
    }
  }

  #drop(pod: Pod, mirrors: MirrorDeps): void {
    if (findMirrorHash(pod) === undefined) this.#workers.get(uidOf(pod))?.remove();
    else void syncMirrors(mirrors, this.#static, this.#stop.signal);
  }

  #put(pod: Pod, actions: PodActions, mirrors: MirrorDeps): void {
    actions.observe(pod);
    const hash = findMirrorHash(pod);
    if (hash !== undefined) {
      this.#workers.get(hash)?.wake();
      if (isDeleted(pod) || !this.#workers.has(hash))
        void syncMirrors(mirrors, this.#static, this.#stop.signal);
      return;
    }
    const known = this.#workers.get(uidOf(pod));
    if (known !== undefined) return known.update(pod);
    this.#start(pod, actions);
  }

  #start(pod: Pod, actions: PodActions): PodWorker {
    const worker = new PodWorker(pod, actions, this.#stop.signal);
    this.#workers.set(uidOf(pod), worker);
    void worker.ended.then(() => {
      if (!this.#stop.signal.aborted) this.#workers.delete(uidOf(pod));
    });
    return worker;
  }

  /** Pods that the runtime or a folder still has and the API does not: they end, and nothing of them stays. */
  async #findLeftovers(
    deps: NodeDeps,
    actions: PodActions,
    wanted: readonly Pod[],
    signal: AbortSignal,
  ): Promise<void> {
    const known = new Set(wanted.map(uidOf));
    const { items } = await deps.cri.runtime.listPodSandbox({}, signal);
    for (const { labels, metadata } of items) {
      const uid = labels?.get(labelOf.podUid) ?? "";
      if (uid === "" || known.has(uid) || metadata === undefined) continue;
      known.add(uid);
      const { name = "", namespace = "" } = metadata;
      this.#start(orphan(uid, name, namespace), actions).remove();
    }
    for (const uid of readdirSync(deps.folders.pods)) {
      if (known.has(uid)) continue;
      this.#start(orphan(uid, uid, ""), actions).remove();
    }
  }

  #actions(
    deps: NodeDeps,
    reporter: NodeReporter,
    runtimeName: string,
    watches: ObjectWatches,
    listServices: () => ReturnType<StartServices>,
  ): PodActions {
    const { cri, kube, timers } = deps;
    const tokens = new ServiceAccountTokens(kube, () => timers.now());
    const reader = new RuntimeReader(cri);
    const statuses = this.#stack.use(new StatusWriter(deps));
    const sources: VolumeSources = {
      configMap: (pod, name, signal) => watches.configMap(uidOf(pod), namespaceOf(pod), name, signal),
      secret: (pod, name, signal) => watches.secret(uidOf(pod), namespaceOf(pod), name, signal),
      token: (pod, audience, seconds, signal) => tokens.get(pod, audience, seconds, signal),
      claim: (pod, name, signal) =>
        kube.of(persistentVolumeClaims).find({ namespace: namespaceOf(pod), name }, signal),
      persistentVolume: (name, signal) => kube.of(persistentVolumes).find({ name }, signal),
      trustBundle: (_pod, source, signal) => findTrustBundle(kube, source, signal),
      context: (pod) => ({
        pod,
        podIps: isHostNetwork(pod)
          ? deps.hostIps
          : (statuses.find(uidOf(pod))?.podIPs ?? []).map(({ ip }) => ip),
        hostIps: deps.hostIps,
        allocatable: reporter.allocatable,
      }),
    };
    const changed = (uid: string) => this.#workers.get(uid)?.wake();
    const probes = this.#stack.use(
      new ContainerProbes({
        cri,
        timers,
        changed,
        tell: (pod, container, type, reason, message) =>
          tellPod(deps, pod, container.name, type, reason, message),
      }),
    );
    return new PodActions({
      ...deps,
      puller: new ImagePuller({ cri, now: () => timers.now() }),
      sources,
      services: listServices,
      reader,
      volumes: new PodVolumes(deps.folders, sources),
      probes,
      statuses,
      runtimeName,
      cgroup: { layout: this.#host.cgroup, root: this.#options.cgroupRoot ?? "/kubepods" },
      target: (pod) => (isStatic(pod) ? this.#findMirror(pod) : pod),
      others: (pod) =>
        [...this.#workers.values()]
          .filter((worker) => !worker.isEnded && uidOf(worker.pod) !== uidOf(pod))
          .map((worker) => worker.pod),
      pressures: () => this.#pressures(),
      release: (pod) => {
        watches.release(uidOf(pod));
        tokens.release(uidOf(pod));
      },
      refreshAt: (pod) => tokens.findRefresh(uidOf(pod)),
    });
  }

  async #runtimeVersion(
    { cri, timers, log }: NodeDeps,
    signal: AbortSignal,
  ): Promise<{ name: string; version: string }> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        const { runtimeName, runtimeVersion } = await cri.runtime.version({ version: "v1" }, signal);
        return { name: runtimeName, version: runtimeVersion };
      } catch (error) {
        if (signal.aborted) throw error;
        if (isFirst)
          log.warn("waiting for the container runtime", {
            endpoint: this.#options.criEndpoint,
            reason: messageOf(error),
          });
        await sleep(timers, runtimeWaitMs, signal);
      }
    }
  }

  /** The runtime gives pods addresses of the range that the node has been given. */
  #podCidr({ cri, log }: NodeDeps): (node: { readonly spec?: { readonly podCIDR?: string } }) => void {
    let told = "";
    return ({ spec }) => {
      const podCidr = spec?.podCIDR ?? "";
      if (podCidr === "" || podCidr === told) return;
      told = podCidr;
      cri.runtime
        .updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr } } }, this.#stop.signal)
        .catch((error: unknown) => {
          told = "";
          if (!this.#stop.signal.aborted && !isFault(error, "not-implemented"))
            log.warn("the runtime does not take the pods' addresses", { error: messageOf(error) });
        });
    };
  }

  #facts(): NodeFacts {
    const { nodeName, hostname, addresses, root, version, server } = this.#options;
    const { kernelRelease, operatingSystem } = readHostIdentity();
    const disk = statfsSync(root);
    return {
      nodeName,
      hostname,
      hostIps: addresses,
      machine: { memoryBytes: this.#host.memory, cpus: this.#host.cpus },
      diskBytes: disk.blocks * disk.bsize,
      architecture: this.#host.architecture,
      kernelVersion: kernelRelease,
      osImage: operatingSystem,
      serverPort: this.port === 0 ? (server?.port ?? 0) : this.port,
      kubeletVersion: version,
      maxPods,
    };
  }
}

/** Does something again and again until the signal aborts, when there is a need. What it fails at is tried the next time. */
async function every(
  { timers, log }: NodeDeps,
  periodMs: number,
  isNeeded: () => boolean,
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(timers, periodMs, signal).catch(() => {});
    if (signal.aborted || !isNeeded()) continue;
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted) log.warn("the node's housekeeping failed", { error: messageOf(error) });
    }
  }
}

type StartServices = import("./start-container.ts").StartDeps["services"];

function orphan(uid: string, name: string, namespace: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { uid, name, namespace },
    spec: { containers: [], terminationGracePeriodSeconds: 1 },
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
