import { randomUUID } from "node:crypto";
import { chmodSync, mkdirSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { releaseMemory } from "#host/memory.ts";
import { systemTimers } from "#host/system-timers.ts";
import { openAgent } from "#orchestrator/node/agent.ts";
import { parseThresholds } from "#orchestrator/node/eviction/thresholds.ts";
import type { ServerIdentity } from "#orchestrator/node/server/node-server.ts";
import { jsonLog, type Log, type LogLevel } from "#base/log.ts";
import { kubeClient } from "#client/kube/kube-client.ts";
import { whileLeading } from "#orchestrator/informers/leader-election.ts";
import type { User } from "#orchestrator/authn/user.ts";
import { clusterObjects, ownService } from "#orchestrator/apiserver/bootstrap/bootstrap-objects.ts";
import { ensureObjects } from "#orchestrator/apiserver/bootstrap/ensure-objects.ts";
import { ensureRoles } from "#orchestrator/apiserver/bootstrap/ensure-roles.ts";
import { Compactor } from "#orchestrator/apiserver/compactor.ts";
import { ApiServer, type ServerTls } from "#orchestrator/apiserver/http/server.ts";
import type { ApiHandler } from "#orchestrator/apiserver/api-request.ts";
import type { HealthCheck } from "#orchestrator/apiserver/health-handler.ts";
import { type Api, openApi } from "#orchestrator/apiserver/open-api.ts";
import { openAccess } from "./access-control.ts";
import { checkAuthority, type EtcdOptions, openClusterStore } from "./cluster-store.ts";
import { ServedAddresses } from "./served-addresses.ts";
import { parseLbPool } from "./proxy/lb-pool.ts";
import { openClusterNetwork, openNodeAddresses } from "./cluster-network.ts";
import { openEventually } from "./open-eventually.ts";
import { AuditLog } from "#orchestrator/audit/audit-log.ts";
import { defaultPolicy } from "#orchestrator/audit/audit-policy.ts";
import { Auditor } from "#orchestrator/audit/auditor.ts";
import { readAuditPolicy } from "#orchestrator/audit/read-audit-policy.ts";
import { resources } from "#orchestrator/kinds/resources.ts";
import { openControlPlane } from "./control-plane.ts";
import { ensureEncryptionKeys } from "#orchestrator/pki/encryption-keys.ts";
import { ensureAdminKubeconfig } from "#orchestrator/pki/kubeconfig.ts";
import type { Pki } from "#orchestrator/pki/pki.ts";
import { PkiKeeper } from "#orchestrator/pki/pki-keeper.ts";
import type { EncryptedStore } from "#orchestrator/storage/encrypted-store.ts";

export interface ServerOptions {
  /** Absolute; what must survive a reboot is in its folder `cluster`. */
  readonly root: string;
  /** Absolute; what must not. */
  readonly run: string;
  readonly logLevel: LogLevel;
  /** Where the API is; an empty host is every address, port 0 any that is free. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Whether this machine is a node of the cluster. */
  readonly hasAgent: boolean;
  /** Addresses for load balancers; absent: services of that type wait for somebody else. */
  readonly lbPool?: string;
  /** As a kubelet's `--eviction-hard` has them; absent: upstream's own. */
  readonly evictionHard?: string;
  /** The socket of the container runtime; absent: the engine's in `run`. */
  readonly criEndpoint?: string;
  /** Where others reach this machine; absent: its first address. */
  readonly advertise?: string;
  /** Absent: the state is a file in `root`. With it several servers may share the state. */
  readonly etcd?: EtcdOptions;
  /** Absolute; a file of kind Policy of audit.k8s.io/v1. Absent: metadata of all but heartbeats. */
  readonly auditPolicy?: string;
}

export interface ClusterServer extends AsyncDisposable {
  readonly port: number;
}

/** Opens the cluster's server: its API over the store, then what works with it. Disposing of it leaves pods running. */
export async function openServer(options: ServerOptions): Promise<ClusterServer> {
  await using undo = new AsyncDisposableStack();
  const { signal } = new AbortController();
  const ground = await openGround(options, undo);
  const { log, pki, store } = ground;
  let isReady = false;
  const auditLog = new AuditLog({
    folder: join(ground.folder, "audit"),
    now,
    log: log.with({ area: "audit" }),
  });
  undo.use(auditLog);
  const api = undo.use(
    await openClusterApi(
      {
        store,
        auditor: await openAuditor(auditLog, options.auditPolicy),
        pki: () => pki.current,
        address: `${ground.advertised}:${options.listen.port}`,
        check: () => (isReady ? undefined : "not finished"),
        log,
      },
      signal,
    ),
  );
  if (options.etcd !== undefined) checkAuthority(api.cache, pki.current.authority);
  const roles = Promise.withResolvers<void>();
  // Until roles are there nobody could be told from strangers.
  const gated: ApiHandler = async (request) => {
    await roles.promise;
    return await api.handler(request);
  };
  const doors = await openDoors(ground, gated, undo);
  const { port, inside } = doors;
  ensureAdminKubeconfig(pki.current, `https://127.0.0.1:${port}`, options.root);
  const bootstrap = {
    objects: api.cache,
    transport: api.transport(apiServer),
    log: log.with({ area: "bootstrap" }),
  };
  await ensureObjects(bootstrap, clusterObjects({ ...pki.current, serviceRange }), signal);
  const announce = (addresses: readonly string[], until: AbortSignal) =>
    ensureObjects(bootstrap, ownService({ addresses, port, serviceAddress }), until);
  if (options.etcd === undefined) await announce([inside], signal);
  else undo.use(await ServedAddresses.open({ store, address: inside, changed: announce, log }));
  await ensureRoles(bootstrap, signal);
  roles.resolve();
  if (options.hasAgent) undo.use(await openNodeNetwork(ground, api, gated, doors));
  // Before anything old is forgotten, what an older key encrypted, or none, gets the newest.
  await store.rewrite(signal);
  undo.use(new Compactor(store, log.with({ area: "store" }), releaseAfter));
  undo.use(openWork(ground, api, port));
  if (options.hasAgent) await openNode(ground, api, undo);
  isReady = true;
  log.info("the cluster is served", { host: options.listen.host, port });
  const opened = undo.move();
  return { port, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** What all of a server stands on. */
interface Ground {
  readonly options: ServerOptions;
  /** Absolute. */
  readonly folder: string;
  readonly log: Log;
  readonly pki: PkiKeeper;
  readonly store: EncryptedStore;
  readonly nodeName: string;
  /** Where others reach this machine. */
  readonly advertised: string;
}

async function openGround(options: ServerOptions, undo: AsyncDisposableStack): Promise<Ground> {
  const folder = join(options.root, "cluster");
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
  const log = jsonLog((line) => process.stderr.write(line), { level: options.logLevel, now });
  const pkiFolder = join(folder, "pki");
  const { etcd, advertise } = options;
  const store = undo.use(
    await openClusterStore({
      folder,
      ...(etcd !== undefined && { etcd }),
      keys: ensureEncryptionKeys({ folder: pkiFolder, now }),
      now,
      log: log.with({ area: "store" }),
    }),
  );
  const own = ownAddresses();
  const addresses = advertise === undefined || own.includes(advertise) ? own : [...own, advertise];
  const advertised = advertise ?? addresses.find((address) => !address.includes(":")) ?? "127.0.0.1";
  const nodeName = hostname().toLowerCase();
  const names = { hostname: hostname(), nodeName, addresses };
  const pki = undo.use(new PkiKeeper({ folder: pkiFolder, ...names, now, log: log.with({ area: "pki" }) }));
  return { options, folder, log, pki, store, nodeName, advertised };
}

/** Where the API is. */
interface Doors {
  readonly port: number;
  /** Where nodes and pods reach it. */
  readonly inside: string;
  readonly places: NetworkPlaces;
}

async function openDoors(ground: Ground, handler: ApiHandler, undo: AsyncDisposableStack): Promise<Doors> {
  const { root, listen, hasAgent } = ground.options;
  const port = await serve(ground, handler, listen, undo);
  // Pods reach an API that listens on the loopback at the address of its service, which the node has for them alone.
  const isForPods = hasAgent && isLoopback(listen.host);
  const places: NetworkPlaces = {
    root,
    dnsAddress,
    serviceCidr: serviceRange,
    ...(isForPods && { api: { address: serviceAddress, port } }),
  };
  return { port, inside: isForPods ? serviceAddress : ground.advertised, places };
}

/** @returns the port */
async function serve(
  { pki, log }: Ground,
  handler: ApiHandler,
  { host, port }: { readonly host: string; readonly port: number },
  undo: AsyncDisposableStack,
): Promise<number> {
  const tls = tlsOf(pki.current);
  const server = undo.use(
    await ApiServer.open(handler, { host, port, tls, log: log.with({ area: "apiserver" }) }),
  );
  undo.use(pki.onRenewed((renewed) => server.renewTls(tlsOf(renewed))));
  return server.port;
}

/** Controllers and scheduler; of several servers on one store, on the one that leads. */
function openWork({ options, folder, advertised, pki, nodeName, log }: Ground, api: Api, port: number) {
  const transport = api.transport(controlPlane);
  const open = () =>
    openControlPlane({
      transport,
      authority: () => pki.current.authority,
      issuer: () => pki.current.issuer,
      server: () => `https://${advertised}:${port}`,
      volumesFolder: join(folder, "volumes"),
      log,
    });
  if (options.etcd === undefined) return open();
  const stop = new AbortController();
  const election = {
    namespace: "kube-system",
    name: "kube-controller-manager",
    identity: `${nodeName}_${randomUUID()}`,
  };
  const deps = { timers: systemTimers, random: Math.random, log: log.with({ area: "election" }) };
  const kube = kubeClient(transport, { userAgent: "kube-controller-manager" });
  const ended = whileLeading({ ...deps, kube }, election, open, stop.signal);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

/** The node's addresses for the cluster, and what is served there; while they cannot be had, the cluster goes on without. */
async function openNodeNetwork(
  ground: Ground,
  api: Api,
  handler: ApiHandler,
  { places }: Doors,
): Promise<AsyncDisposable> {
  const { options, nodeName, log } = ground;
  const clusterNetwork = {
    ...places,
    transport: api.transport(apiServer),
    run: options.run,
    nodeName,
    podCidr: podRange,
    domain: clusterDomain,
    log,
    ...(options.lbPool !== undefined && { lbPool: parseLbPool(options.lbPool) }),
  };
  const open = async (signal: AbortSignal) => {
    await using undo = new AsyncDisposableStack();
    const addresses = await openNodeAddresses(places);
    if (places.api !== undefined) {
      const { address: host, port } = places.api;
      await serve(ground, handler, { host, port }, undo);
    }
    undo.use(await openClusterNetwork(clusterNetwork, addresses, signal));
    return undo.move();
  };
  const deps = { timers: systemTimers, random: Math.random, log: log.with({ area: "network" }) };
  return await openEventually(
    deps,
    "addresses of its own for the cluster",
    open,
    new AbortController().signal,
  );
}

/** What runs pods on this machine. */
async function openNode(ground: Ground, api: Api, undo: AsyncDisposableStack): Promise<void> {
  const { options, nodeName, advertised, pki, log } = ground;
  const agent = undo.use(
    await openAgent({
      transport: api.transport(nodeUser(nodeName)),
      criEndpoint: options.criEndpoint ?? join(options.run, "cri.sock"),
      root: options.root,
      nodeName,
      hostname: hostname(),
      addresses: [advertised],
      timers: systemTimers,
      random: Math.random,
      log: log.with({ area: "node" }),
      clusterDns: [dnsAddress],
      clusterDomain,
      version,
      server: { host: "", port: 10_250, identity: nodeIdentityOf(pki.current) },
      ...(options.evictionHard !== undefined && {
        evictionThresholds: parseThresholds(options.evictionHard),
      }),
    }),
  );
  undo.use(pki.onRenewed((renewed) => agent.renewTls(nodeIdentityOf(renewed))));
}

const now = () => new Date();

/** What a burst of writes has left in memory is given back when its past is forgotten; a quiet cluster is left alone. */
function releaseAfter(changes: number): void {
  if (changes > burstChanges) void releaseMemory();
}

const burstChanges = 1000;

async function openAuditor(log: AuditLog, policyFile: string | undefined): Promise<Auditor> {
  const policy = policyFile === undefined ? defaultPolicy : await readAuditPolicy(policyFile);
  return new Auditor({ policy, log, now });
}

interface ClusterApiDeps {
  readonly store: EncryptedStore;
  readonly auditor: Auditor;
  readonly pki: () => Pki;
  readonly address: string;
  /** Whether the cluster has what it has from the start. */
  readonly check: HealthCheck;
  readonly log: Log;
}

async function openClusterApi(
  { store, auditor, pki, address, check, log }: ClusterApiDeps,
  signal: AbortSignal,
): Promise<Api> {
  return await openApi(
    {
      store,
      resources,
      auditor,
      access: (parts) => openAccess(parts, { pki, now, log: log.with({ area: "access" }) }),
      nodeCredentials: () => {
        const { identities, authority } = pki();
        return { ...identities["apiserver-kubelet-client"], authority };
      },
      frontProxyCredentials: () => pki().identities["front-proxy-client"],
      facts: { version, platform: "linux/amd64", runtime: process.version },
      serviceRange,
      checks: new Map([["poststarthook/bootstrap", check]]),
      address: () => address,
      now,
      clockS: () => performance.now() / 1000,
      processFacts: readProcessFacts,
      newUid: randomUUID,
      random: Math.random,
      log: log.with({ area: "apiserver" }),
    },
    signal,
  );
}

/** The server itself. */
const apiServer: User = { name: "system:apiserver", groups: ["system:masters", "system:authenticated"] };
/** Controllers and scheduler. */
const controlPlane: User = {
  name: "system:kube-controller-manager",
  groups: ["system:masters", "system:authenticated"],
};
const nodeUser = (nodeName: string): User => ({
  name: `system:node:${nodeName}`,
  groups: ["system:nodes", "system:authenticated"],
});
/** Of Kubernetes, as far as the API and the node are concerned. */
const version = "v1.36.0";
const serviceAddress = "10.96.0.1";
const serviceRange = "10.96.0.0/16";
const dnsAddress = "10.96.0.10";
const podRange = "10.244.0.0/16";
const clusterDomain = "cluster.local";

type NetworkPlaces = Parameters<typeof openNodeAddresses>[0];

function nodeIdentityOf({ identities: { kubelet }, authority }: Pki): ServerIdentity {
  return { ...kubelet, authority };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function tlsOf({ identities: { apiserver }, authority, frontProxyAuthority }: Pki): ServerTls {
  return { ...apiserver, authority, frontProxyAuthority };
}

/** Of this machine, but for its own and link-local ones. */
function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address);
}

function readProcessFacts() {
  const { user, system } = process.cpuUsage();
  return {
    residentBytes: process.memoryUsage.rss(),
    cpuS: (user + system) / 1e6,
    startedS: performance.timeOrigin / 1000,
  };
}
