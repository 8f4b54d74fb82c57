import { randomUUID } from "node:crypto";
import { lookup } from "node:dns/promises";
import { chmodSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Access, localAccess } from "#base/access.ts";
import { instanceName } from "#base/instance-name.ts";
import type { BridgeIPv6 } from "#base/bridge-ipv6.ts";
import { type ContainerPolicy, usualPolicy } from "#base/container-policy.ts";
import { messageOf } from "#base/fault.ts";
import { formatListenAddress, type ListenAddress } from "#base/listen-address.ts";
import { type RegistrySettings, usualRegistries } from "#base/registry-settings.ts";
import type { RegistryServerSettings } from "#base/registry-server-settings.ts";
import { jsonLog, type Log, type LogLevel } from "#base/log.ts";
import { serveCri } from "#engine/cri-api/cri-socket.ts";
import { BuildService } from "#engine/build/build-service.ts";
import { CacheStore } from "#engine/build/cache-store.ts";
import { isAlive } from "#engine/containers/record.ts";
import { ContainerRegistry } from "#engine/containers/registry.ts";
import { ContainerService } from "#engine/containers/service.ts";
import { openFileStore } from "#engine/content/file-store.ts";
import { dockerRoutes } from "#engine/docker-api/routes.ts";
import { DockerServer } from "#engine/docker-api/server.ts";
import type { EngineIdentity } from "#engine/docker-api/system.ts";
import { readUsage } from "#engine/docker-api/usage.ts";
import { EventBus } from "#engine/events/event-bus.ts";
import { LocalImages } from "#engine/images/local-images.ts";
import { openEngineDatabase } from "#engine/metadata/engine-database.ts";
import { ForwardingThread } from "#engine/logs/forwarding-thread.ts";
import { type LogConfig, validateLogConfig } from "#engine/logs/log-options.ts";
import { openNetworks } from "#engine/network/open-networks.ts";
import { PodRecords } from "#engine/pods/pod-records.ts";
import { RepositoryRows } from "#engine/registry-server/repository-rows.ts";
import { CgroupParents } from "#engine/runtime/cgroup-parents.ts";
import { ContainerCgroups } from "#engine/runtime/container-cgroups.ts";
import { maskedPaths, readonlyPaths } from "#engine/runtime/default-paths.ts";
import { IdRanges } from "#engine/runtime/id-ranges.ts";
import { Launcher } from "#engine/runtime/launcher.ts";
import { type RuntimeOptions, Runtimes } from "#engine/runtime/runtimes.ts";
import { parseRemap } from "#engine/runtime/userns-mode.ts";
import { copyFolder } from "#engine/snapshots/copy-folder.ts";
import { OverlaySnapshotter } from "#engine/snapshots/overlay.ts";
import { Spawner } from "#engine/supervise/spawner.ts";
import type { SignatureSource } from "#engine/trust/signature-source.ts";
import { LocalVolumes } from "#engine/volumes/local-volumes.ts";
import { VolumeMounter } from "#engine/volumes/volume-mounter.ts";
import { isAtLeast, kernelWith, readHostFacts } from "#host/facts.ts";
import { fileSystemOf, readHostIdentity } from "#host/identity.ts";
import { releaseMemory } from "#host/memory.ts";
import { nativeMountHelper } from "#host/mount-helper.ts";
import { runPs } from "#host/ps.ts";

const weekMs = 7 * 86_400_000;

export interface EngineOptions {
  /** Absolute; what must survive a reboot. */
  readonly root: string;
  /** Absolute; what must not. */
  readonly run: string;
  /** Address of the default bridge with its prefix length. */
  readonly bridgeCidr?: string;
  /** By default it has none. */
  readonly bridgeIPv6?: BridgeIPv6;
  /** `default`: containers have user namespaces of their own unless they ask for the host's. */
  readonly usernsRemap?: string;
  readonly runtimes?: RuntimeOptions;
  readonly logLevel: LogLevel;
  /** By default only the socket in `run`. */
  readonly access?: Access;
  /** By default Docker's. */
  readonly policy?: ContainerPolicy;
  /** By default Docker's. */
  readonly registries?: RegistrySettings;
  /** Where the registry over the engine's own content is served; by default nowhere. */
  readonly registryServer?: RegistryServerSettings;
  /** How often images are looked at for what was altered on disk: once a week, unless told; 0 for never. */
  readonly scrubIntervalMs?: number;
  /** Which images may be used; without it all. */
  readonly trust?: TrustOptions;
  /** For containers that name no log driver; json-file without options by default. */
  readonly logs?: LogConfig;
  /** Where all pods of the cluster are, `10.244.0.0/16` by default: they see each other by their own addresses. */
  readonly clusterCidr?: string;
}

export interface TrustOptions {
  /** `containers-policy.json` or Notation's `trustpolicy.json`; absolute. */
  readonly policy: string;
  /** A folder of signatures that do not come with images; absolute. */
  readonly signatures?: string;
}

const shimBinary = fileURLToPath(new URL("../native/build/gantry-shim", import.meta.url));
/** Of Docker's engine whose behaviour this one has. */
const version = "28.5.2";

/** Nanoseconds since 1970, with the microseconds that Date does not have. */
function now(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}

/**
 * Opens the engine: reconciles its records with the kernel, then serves `<run>/docker.sock`. Disposing of it leaves containers
 * running; when none does, nothing of the instance stays in the kernel.
 */
export async function openEngine(options: EngineOptions): Promise<AsyncDisposable> {
  await using undo = new AsyncDisposableStack();
  const { root, run, access = localAccess, policy = usualPolicy, registries = usualRegistries } = options;
  const { logs: defaultLogs = { Type: "json-file", Config: {} } } = options;
  validateLogConfig(defaultLogs);
  const paths = { root, run };
  const instance = instanceName(root);
  mkdirSync(root, { recursive: true });
  // Records hold what people put into variables: the host's other users have no business here, whoever made the folder.
  chmodSync(root, 0o700);
  mkdirSync(run, { recursive: true, mode: 0o755 });
  const log = jsonLog((line) => process.stderr.write(line), {
    level: options.logLevel,
    now: () => new Date(),
  });
  const host = readHostFacts();
  const isRemapped = parseRemap(options.usernsRemap, host.kernel);
  const db = undo.use(openEngineDatabase(join(root, "engine.db")));
  const events = new EventBus(now);
  const runtimes = new Runtimes(options.runtimes ?? { added: [] });
  const spawner = undo.use(new Spawner(shimBinary, { runtime: runtimes.sealed.path, folder: root }, log));
  const content = await openFileStore(root);
  const snapshots = new OverlaySnapshotter({ root: join(root, "snapshots"), db, log });
  // From here on nobody else makes or starts anything of this engine's: what is found is all there is.
  await spawner.alone();
  undo.defer(() => snapshots[Symbol.dispose]());
  await snapshots.reconcile();
  const registry = new ContainerRegistry(db);
  const podRecords = undo.use(new PodRecords(root));
  const buildCache = new CacheStore(db, () => Date.now());
  const platform = { os: "linux", architecture: host.architecture };
  const openGate = options.trust === undefined ? undefined : await gateFor(options.trust, log);
  const images = undo.use(
    new LocalImages({
      ...(openGate !== undefined && { openGate }),
      db,
      content,
      snapshots,
      events,
      log,
      now: () => Date.now(),
      platform,
      otherRoots: () => [...buildCache.roots(), ...new RepositoryRows(db).roots()],
      use: {
        containersOf: (imageId) => [...registry.usersOf(imageId), ...podRecords.usersOf(imageId)],
      },
    }),
  );
  const ended = new AbortController();
  undo.defer(() => ended.abort());
  const volumeParts = {
    canReadOnlyBelow: isAtLeast(host.kernel, kernelWith.recursiveReadOnly),
    mounter: new VolumeMounter({
      helper: nativeMountHelper(shimBinary),
      lookup: async (name) => (await lookup(name)).address,
    }),
    images: {
      hold: async (name: string, key: string) => {
        const { id, manifest } = images.resolve(name);
        await images.admission.using({ text: name, id, manifest }, "mount", ended.signal);
        await snapshots.prepare(key, images.resolve(name).chainIds.at(-1), ended.signal);
        return { folder: join(snapshots.root, snapshots.mountOf(key).lower[0] ?? "") };
      },
      release: (key: string) => snapshots.remove(key),
    },
    copyUp: (containerId: string, path: string, target: string) =>
      copyFolder(
        { snapshots: snapshots.root, mount: snapshots.mountOf(containerId) },
        path,
        target,
        ended.signal,
      ),
  };
  const volumes = new LocalVolumes({ ...volumeParts, root: join(root, "volumes"), db, events, log, now });
  const { networks, management } = undo.use(
    await openNetworks(
      { kernel: spawner, database: db, events, log, now },
      {
        instance,
        runFolder: run,
        nativeBinary: shimBinary,
        connectsBridge: policy.connectsBridge,
        ...(options.bridgeCidr === undefined ? {} : { bridgeCidr: options.bridgeCidr }),
        ...(options.bridgeIPv6 && { bridgeIPv6: options.bridgeIPv6 }),
      },
    ),
  );
  undo.defer(() => networks.dismantle());
  const cgroups = new ContainerCgroups(host.cgroup, instance, new CgroupParents(host.cgroup, paths));
  undo.defer(() => cgroups.dismantle());
  const launching = { spawner, snapshots, host, runtimes, policy, shimBinary, log };
  const launcher = new Launcher({ ...launching, paths, cgroups });
  const identity = identityOf(root, runtimes, defaultLogs.Type);
  const forwarders = undo.use(new ForwardingThread({ hostname: identity.hostname, pid: process.pid }, log));
  const idRanges = new IdRanges(Number.parseInt(instance.split("-")[1] ?? "0", 16));
  const containers = undo.use(
    await ContainerService.open({
      paths,
      registry,
      images,
      snapshots,
      networks,
      volumes,
      events,
      launcher,
      idRanges,
      isRemapped,
      forwarders,
      defaultLogs,
      isOthers: (id) => podRecords.has(id),
      log,
      now,
    }),
  );
  await volumes.reconcile();
  const distribution = images.distribution(registries);
  const builds = new BuildService(
    {
      paths,
      images,
      distribution,
      workshop: images.workshop(),
      snapshots,
      networks,
      launcher,
      idRanges,
      isRemapped,
      cache: buildCache,
      platform,
      log,
      now,
    },
    () => new Set(images.list().flatMap(({ chainIds }) => chainIds)),
  );
  await builds.reconcile();
  const routes = dockerRoutes({
    containers,
    builds,
    images,
    distribution,
    trust: images.trust(),
    networks: management,
    volumes,
    snapshots,
    events,
    identity: { ...identity, authorizationPlugins: access.authorizationPlugins, policy, registries },
    host,
    isRemapped,
    defaultPaths: { masked: maskedPaths, readonly: readonlyPaths },
    usage: async ({ id, state }) =>
      isAlive(state) ? readUsage(host.cgroup, cgroups.pathOf(id), state.pid) : undefined,
    ps: runPs,
    buildkit: () => (buildkit ??= openBuildKit()),
    now,
  });
  let buildkit: ReturnType<typeof openBuildKit> | undefined;
  async function openBuildKit() {
    const { BuildKit } = await import("./buildkit-api/buildkit.ts");
    const hostGateway = () => networks.hostGateway;
    let opened: ReturnType<typeof images.exchange> | undefined;
    const exchange = () => (opened ??= images.exchange(registries));
    const { contexts } = builds;
    const workerId = identity.id;
    const entitlements = policy.buildEntitlements;
    return new BuildKit({
      builds,
      contexts,
      images,
      exchange,
      platform,
      workerId,
      hostGateway,
      entitlements,
      now,
    });
  }
  const { authorizationPlugins } = access;
  const authorization =
    authorizationPlugins.length === 0
      ? undefined
      : await (await import("#engine/authorization/plugins.ts")).openAuthorization(authorizationPlugins);
  const whenIdle = () => void releaseMemory();
  const server = undo.use(
    new DockerServer({
      routes,
      version,
      log,
      whenIdle,
      ...(authorization !== undefined && { authorization }),
    }),
  );
  // First: whoever finds the engine finds the registry.
  const registryServer =
    options.registryServer === undefined
      ? undefined
      : undo.use(
          await (await import("./registry-daemon.ts")).serveRegistry(
            { root, db, content, ...images.keeping, log, now: () => Date.now() },
            options.registryServer,
          ),
        );
  let cri: ReturnType<typeof openPods> | undefined;
  const openedPods = () =>
    (cri ??= openPods().catch((error: unknown) => {
      cri = undefined; // whoever asks next may find the way clear
      throw error;
    }));
  undo.defer(async () => (await cri?.catch(() => undefined))?.[Symbol.asyncDispose]());
  // Docker's clients need not wait for it, and the CRI's do.
  if (podRecords.isUsed) background("pods were not taken over", openedPods());
  undo.use(await serveCri(join(run, "cri.sock"), async () => (await openedPods()).methods, log));
  await server.listen(join(run, "docker.sock"));
  for (const address of access.listen) await listenOn(address);
  process.on("SIGHUP", reload);
  undo.defer(() => void process.off("SIGHUP", reload));
  // One after the other: loading code holds up the first requests.
  background(
    "starts are not ready yet",
    networks.warm().then(() => launcher.warm()),
  );
  background("garbage was not collected", images.collect());
  const scrubIntervalMs = options.scrubIntervalMs ?? weekMs;
  if (scrubIntervalMs > 0) {
    const scrubber = scrubbing(scrubIntervalMs);
    background("images are not looked at", scrubber);
    undo.defer(() => scrubber.then((one) => one[Symbol.asyncDispose]()).catch(() => {}));
  }
  return undo.move();

  async function openPods() {
    const { openCri } = await import("./cri-daemon.ts");
    return openCri({
      paths,
      records: podRecords,
      images,
      distribution,
      isUsedByDocker: (imageId) => registry.usersOf(imageId).length > 0,
      launcher: launching,
      idRanges,
      forwarders,
      volumes: volumeParts,
      clusterCidr: options.clusterCidr ?? "10.244.0.0/16",
      othersSubnets: () =>
        management
          .list()
          .flatMap(({ ipam }) => ipam.config.map(({ Subnet }) => Subnet))
          .filter((subnet) => !subnet.includes(":")),
      version,
      log,
      now,
    });
  }

  function scrubbing(intervalMs: number): Promise<AsyncDisposable> {
    return images.scrub({
      intervalMs,
      isBusy: () => (loadavg()[0] ?? 0) > availableParallelism() / 2,
      freeBytes: () => {
        const { bavail, bsize } = statfsSync(snapshots.root);
        return bavail * bsize;
      },
    });
  }

  async function listenOn(address: ListenAddress): Promise<void> {
    const { tcp } = access;
    await server.listenOn(address, tcp);
    const isOpen =
      address.kind === "tcp" && (tcp.kind !== "tls" || tcp.files.clientAuthorities === undefined);
    const where = { address: formatListenAddress(address) };
    if (isOpen) log.warn("everyone who can reach this address is root on this machine", where);
    else log.info("listening", where);
  }

  function reload(): void {
    reloadPolicy();
    Promise.all([server.reloadTls(), registryServer?.reloadTls()]).then(
      () => log.info("certificates read again"),
      (error: unknown) => log.error("certificates were not read again", { error: messageOf(error) }),
    );
  }

  function reloadPolicy(): void {
    const { gate } = images.admission;
    if (gate === undefined) return;
    try {
      gate.reload();
      log.info("trust policy read again", { policy: gate.policy.digest });
    } catch (error) {
      log.error("trust policy was not read again: the old one stays in force", { error: messageOf(error) });
    }
  }

  /** What the first answer need not wait for. */
  function background(failure: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => log.warn(failure, { error }));
  }
}

/** Nothing of it is loaded where there is no policy. @throws {Fault} `invalid` for one that makes no sense */
async function gateFor({ policy, signatures }: TrustOptions, log: Log) {
  const { readTrustPolicy } = await import("#engine/trust/trust-policy.ts");
  const { TrustGate } = await import("#engine/trust/trust-gate.ts");
  const { SignatureFolder } = await import("#engine/trust/signature-folder.ts");
  return (stored: SignatureSource) =>
    new TrustGate({
      readPolicy: () => readTrustPolicy(policy),
      sources: [stored, ...(signatures === undefined ? [] : [new SignatureFolder(signatures)])],
      now: () => Date.now(),
      log: log.with({ area: "trust" }),
    });
}

function identityOf(
  root: string,
  runtimes: Runtimes,
  loggingDriver: string,
): Omit<EngineIdentity, "authorizationPlugins" | "policy" | "registries"> {
  return {
    ...readHostIdentity(),
    id: installationId(root),
    version,
    gitCommit: "",
    buildTime: "",
    root,
    loggingDriver,
    runtime: { name: runtimes.sealed.name, version: "" },
    runtimes: { byName: runtimes.list(), defaultName: runtimes.defaultName },
    backingFileSystem: fileSystemOf(root),
    warnings: [],
  };
}

/** Made at the first start, kept for good. */
function installationId(root: string): string {
  const file = join(root, "engine-id");
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    const id = randomUUID();
    writeFileSync(file, `${id}\n`);
    return id;
  }
}
