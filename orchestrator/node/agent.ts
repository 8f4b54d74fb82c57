import { mkdirSync, readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { type Timers } from "#base/timers.ts";
import { kubeClient } from "#client/kube/kube-client.ts";
import { nodes, pods, services } from "#client/kube/resources.ts";
import type { Transport } from "#client/transport.ts";
import { type HostFacts, readHostFacts } from "#host/facts.ts";
import { readHostIdentity } from "#host/identity.ts";
import { EventBroadcaster } from "#orchestrator/informers/event-recorder.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { InformerFactory } from "#orchestrator/informers/informer-factory.ts";
import { criClient, type CriClient } from "#rpc/cri-client.ts";
import { AssignedPods } from "./assigned-pods.ts";
import { type Chore, every } from "./every.ts";
import { openActions } from "./open-actions.ts";
import { runtimeVersion, tellPodCidr } from "./open-runtime.ts";
import { PodWorkers } from "./pod-workers.ts";
import { Evictor } from "./eviction/evictor.ts";
import { type Threshold, usualThresholds } from "./eviction/thresholds.ts";
import { ImageCollector } from "./image-gc.ts";
import { rotateLogs } from "./logs/rotate-logs.ts";
import { type MirrorDeps } from "./mirror-pods.ts";
import type { NodeDeps } from "./node-deps.ts";
import { nodeFolders } from "./node-folders.ts";
import type { NodeFacts } from "./node-object.ts";
import { NodeReporter } from "./node-reporter.ts";
import { ObjectWatches } from "./object-watches.ts";
import { parseResolver } from "./pod-dns.ts";
import { uidOf } from "./pod.ts";
import { followRuntime } from "./runtime-events.ts";
import { type NodeServer, openNodeServer, type ServerIdentity } from "./server/node-server.ts";

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
const [logsMs, imagesMs, pressureMs] = [10_000, 300_000, 10_000];

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
  readonly #workers = new PodWorkers(this.#stop.signal);
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
        find: (uid) => this.#workers.find(uid)?.pod,
        pods: () => this.#workers.all.map(({ pod }) => pod),
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
    await Promise.allSettled([...this.#running, ...this.#workers.all.map(({ ended }) => ended)]);
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
    const runtime = await runtimeVersion(deps, this.#options.criEndpoint, signal);
    const workers = this.#workers;
    const images = new ImageCollector(deps);
    const evictor = new Evictor({
      ...deps,
      thresholds: this.#options.evictionThresholds ?? usualThresholds,
      running: () => workers.running,
      evict: (pod, verdict, graceMs) => workers.find(uidOf(pod))?.evict(verdict, graceMs),
      removeImages: (until) => images.collect(until, true),
      changed: () => void reporter.tell(signal),
    });
    const reporter = new NodeReporter(deps, this.#facts(), runtime, () => evictor.pressures);
    const reflectors = { timers: deps.timers, random: this.#options.random, log: deps.log };
    const factory = new InformerFactory(deps.kube, reflectors);
    const own = factory.of(pods, { fieldSelector: `spec.nodeName=${deps.nodeName}` });
    const allServices = factory.of(services);
    const ownNode = factory.of(nodes, { fieldSelector: `metadata.name=${deps.nodeName}` });
    const changed = (uid: string) => workers.wake(uid);
    const watches = new ObjectWatches({ ...reflectors, kube: deps.kube, changed });
    const mirrors = this.#mirrors(deps, reporter, own.cache);
    const parts = {
      reporter,
      watches,
      workers,
      mirrors,
      runtimeName: runtime.name,
      services: () => [...allServices.cache.list()],
      pressures: () => evictor.pressures,
      cgroup: { layout: this.#host.cgroup, root: this.#options.cgroupRoot ?? "/kubepods" },
    };
    const actions = openActions(deps, parts, this.#stack);
    const cidr = tellPodCidr(deps, signal);
    ownNode.handle({ added: cidr, updated: cidr });
    factory.start(signal);
    this.#running.push(
      reporter.run(signal),
      factory.ended(),
      ...this.#chores(deps, images, evictor).map((chore) => every(deps, chore, signal)),
    );
    const assigned = new AssignedPods({ deps, workers, actions, mirrors }, signal);
    this.#running.push(assigned.run());
    await assigned.filesRead;
    await own.synced(signal);
    await allServices.synced(signal);
    await assigned.removeLeftovers([...own.cache.list()]);
    const put = (pod: Pod) => assigned.put(pod);
    own.handle({ added: put, updated: put, deleted: (pod) => assigned.drop(pod) });
    await followRuntime({ cri: deps.cri, timers: deps.timers, log: deps.log, changed }, signal);
    await watches[Symbol.asyncDispose]();
  }

  #chores(deps: NodeDeps, images: ImageCollector, evictor: Evictor): readonly Chore[] {
    const hasRunning = () => this.#workers.hasRunning;
    return [
      { ms: logsMs, isNeeded: hasRunning, work: (signal) => rotateLogs(deps, signal) },
      { ms: imagesMs, isNeeded: () => true, work: (signal) => images.collect(signal) },
      {
        ms: pressureMs,
        isNeeded: () => hasRunning() || evictor.pressures.size > 0,
        work: (signal) => evictor.look(signal),
      },
    ];
  }

  #mirrors(deps: NodeDeps, reporter: NodeReporter, known: IndexedCache<Pod>): MirrorDeps {
    const node = () => {
      const uid = reporter.node?.metadata.uid;
      return uid === undefined ? undefined : { name: deps.nodeName, uid };
    };
    return {
      ...deps,
      node,
      find: (namespace, name) => known.find({ namespace, name }),
      list: () => known.list(),
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

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
