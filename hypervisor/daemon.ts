import { existsSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, constants } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { instanceName } from "#base/instance-name.ts";
import { KeyedLock } from "#base/keyed-lock.ts";
import { jsonLog, type Log, type LogLevel } from "#base/log.ts";
import { readHostFacts } from "#host/facts.ts";
import { releaseMemory } from "#host/memory.ts";
import { AuditLog } from "./access/audit-log.ts";
import { FailedLogins } from "./access/failed-logins.ts";
import { Sessions } from "./access/sessions.ts";
import { Users } from "./access/users.ts";
import { tlsOf, WebCertificates } from "./access/web-certificate.ts";
import { ensureCluster, getCluster } from "./cluster/cluster.ts";
import { type NodeFacts, readNodeFacts } from "./cluster/node-facts.ts";
import { LayerStore } from "./disks/layer-store.ts";
import { VirtualDiskLibrary } from "./disks/virtual-disk-library.ts";
import { IsoLibrary } from "./images/iso-library.ts";
import { RecordStore, type StoredRecord } from "./metadata/record-store.ts";
import { leaveNetworks, openNetwork } from "./networks/machine-network.ts";
import { VirtualNetworks } from "./networks/virtual-networks.ts";
import type { LaunchDeps } from "./qemu/launch.ts";
import { MachineCgroups } from "./qemu/machine-cgroups.ts";
import type { Accelerator } from "./qemu/plan-argv.ts";
import { probeAccelerator } from "./qemu/probe.ts";
import { absentRoutes } from "./rest-api/absent-routes.ts";
import { alertRoutes } from "./rest-api/alert-routes.ts";
import { certificateRoutes } from "./rest-api/certificate-routes.ts";
import { clusterRoutes } from "./rest-api/cluster-routes.ts";
import { configRoutes, ensureConfig } from "./rest-api/config-routes.ts";
import { consoleUpgrade } from "./rest-api/console.ts";
import { diskRoutes } from "./rest-api/disk-routes.ts";
import { openApiRoutes } from "./rest-api/openapi-routes.ts";
import { replicationRoutes } from "./rest-api/replication-routes.ts";
import type { Route } from "./rest-api/route.ts";
import { RestServer } from "./rest-api/server.ts";
import { sessionRoutes } from "./rest-api/session-routes.ts";
import { snapshotRoutes } from "./rest-api/snapshot-routes.ts";
import { statsRoutes } from "./rest-api/stats-routes.ts";
import { taskRoutes } from "./rest-api/task-routes.ts";
import { transferRoutes } from "./rest-api/transfer-routes.ts";
import { userRoutes } from "./rest-api/user-routes.ts";
import { vmRoutes } from "./rest-api/vm-routes.ts";
import { TaskList } from "./tasks/task-list.ts";
import type { PlaceSettings } from "./transfer/open-place.ts";
import { BlockDeviceService } from "./vms/block-device-service.ts";
import { changedBlocks } from "./vms/changed-blocks.ts";
import { CloneService } from "./vms/clone-service.ts";
import { ExportService } from "./vms/export-service.ts";
import { ImportService } from "./vms/import-service.ts";
import { layersInUse, layersWritten, nicsInUse } from "./vms/in-use.ts";
import { MachineTable } from "./vms/machine-table.ts";
import { NetDeviceService } from "./vms/net-device-service.ts";
import { Power } from "./vms/power.ts";
import { ScheduleService } from "./vms/schedule-service.ts";
import { SnapshotService } from "./vms/snapshot-service.ts";
import { VmStats } from "./vms/stats.ts";
import { takeOver } from "./vms/take-over.ts";
import type { VmDeps } from "./vms/vm-deps.ts";
import { VmReader } from "./vms/vm-reader.ts";
import { VmService } from "./vms/vm-service.ts";

export interface HypervisorOptions {
  /** Absolute; what must survive a reboot is in its folder `hypervisor`. */
  readonly root: string;
  /** Absolute; what must not, in its folder `vms`. */
  readonly run: string;
  readonly logLevel: LogLevel;
  /** Where the API is; an empty host is every address, port 0 any that is free. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Of the host on the machines' network, with its prefix length. */
  readonly vmCidr?: string;
  /** An interface that the VLANs of machines' NICs are connected to. */
  readonly uplink?: string;
  /** Absolute: machines are exported to folders below it, and imported from there, as `file:///FOLDER`. */
  readonly exchangeFolder?: string;
}

export interface Hypervisor extends AsyncDisposable {
  readonly port: number;
  readonly accelerator: Accelerator;
}

const usualCidr = "10.98.0.1/16";

/** Opens the hypervisor: finds the machines that run, then serves its API. Disposing of it leaves machines running. */
export async function openHypervisor(options: HypervisorOptions): Promise<Hypervisor> {
  await using undo = new AsyncDisposableStack();
  const signal = new AbortController().signal;
  const now = () => new Date();
  const folder = join(options.root, "hypervisor");
  const runFolder = join(options.run, "vms");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  mkdirSync(runFolder, { recursive: true, mode: 0o755 });
  const log = jsonLog((line) => process.stderr.write(line), { level: options.logLevel, now }).with({
    area: "hypervisor",
  });
  const accelerator = await probeAccelerator(signal);
  const records = undo.use(new RecordStore(join(folder, "state.db")));
  await ensureCluster(records, hostname());
  await ensureConfig(records, { DNSConfig: { serverIPs: hostNameServers() } });
  const name = instanceName(options.root);
  const cidr = options.vmCidr ?? usualCidr;
  const cgroups = new MachineCgroups(readHostFacts().cgroup, name, accelerator, log);
  undo.defer(() => cgroups.dismantle());
  const launch = { runFolder, diskFolder: join(folder, "disks"), accelerator, cgroups };
  const deps = openMachines(undo, { options, records, launch, name, cidr, now, log });
  const { networks, machines } = deps;
  const power = new Power(deps);
  const settings = placeSettings(options, deps.nodeUUID);
  const exports = new ExportService(deps, settings);
  await takeOver(deps, power, launch, signal);
  await exports.removeUnfinished();
  undo.use(await openNetwork(networks, { name, cidr, folder, run: options.run }, log));
  const facts = () => readNodeFacts(folder);
  const access = openAccess(folder, records, now);
  const password = await access.users.ensureAdmin();
  if (password !== undefined)
    log.info("the first password of user admin is in a file", { file: access.passwordFile });
  const certificates = new WebCertificates({
    folder: join(folder, "pki"),
    now,
    names: [...new Set([hostname(), "localhost", "127.0.0.1", "::1", facts().lanIP])],
  });
  const server: RestServer = new RestServer({
    routes: [
      ...sessionRoutes(access),
      ...userRoutes(access),
      ...machineRoutes(undo, { deps, power, exports, settings, facts, accelerator }),
      ...certificateRoutes({ certificates, changed: () => server.useTls(tlsOf(certificates.current())) }),
      ...alertRoutes(records),
      ...absentRoutes(),
      ...openApiRoutes(),
    ],
    access,
    audit: new AuditLog({ file: join(folder, "audit.log"), now, log }),
    log,
    upgrade: consoleUpgrade(machines, runFolder),
    whenIdle: () => void releaseMemory(),
  });
  undo.use(server);
  await server.listen(options.listen.host, options.listen.port, tlsOf(certificates.current()));
  log.info("the hypervisor is served", { ...options.listen, port: server.port, accelerator });
  const opened = undo.move();
  return { port: server.port, accelerator, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** What everything that is done with machines needs; `undo` ends it. */
function openMachines(
  undo: AsyncDisposableStack,
  given: {
    readonly options: HypervisorOptions;
    readonly records: RecordStore;
    readonly launch: LaunchDeps;
    readonly name: string;
    readonly cidr: string;
    readonly now: () => Date;
    readonly log: Log;
  },
): VmDeps {
  const { options, records, launch, name, cidr, now, log } = given;
  const { uplink, run } = options;
  const { diskFolder } = launch;
  const { nodeUUID } = getCluster(records);
  const prefix = prefixOf(name);
  const networks = new VirtualNetworks({ prefix, cidr, ...(uplink !== undefined && { uplink }) });
  // Machines that run have their folders, and keep their networks.
  const runs = (vm: string) => existsSync(join(launch.runFolder, vm));
  undo.defer(async () => await leaveNetworks(networks, nicsInUse(records, runs), { name, run }, log));
  const isos = new IsoLibrary({ folder: diskFolder, records });
  const layers: LayerStore = undo.use(
    new LayerStore({
      folder: diskFolder,
      records,
      holders: () => layersInUse(records),
      written: () => layersWritten(records),
      open: () => layersWritten(records, (vm) => machines.find(vm) !== undefined),
      log,
    }),
  );
  const tasks = new TaskList({ records, log, now, nodeUUID });
  undo.defer(async () => await tasks.close());
  const bypass = canBypassCache(diskFolder);
  const machines: MachineTable = undo.use(
    new MachineTable({ records, layers, isos, networks, launch, canBypassCache: bypass, log }),
  );
  return { records, layers, isos, networks, tasks, machines, locks: new KeyedLock(), nodeUUID, now, log };
}

/** The routes of what this node does; `undo` ends what does it. */
function machineRoutes(
  undo: AsyncDisposableStack,
  given: {
    readonly deps: VmDeps;
    readonly power: Power;
    readonly exports: ExportService;
    readonly settings: PlaceSettings;
    readonly facts: () => NodeFacts;
    readonly accelerator: Accelerator;
  },
): readonly Route[] {
  const { deps, power, exports, settings, facts, accelerator } = given;
  const { records, tasks, layers, isos, now } = deps;
  const reader = new VmReader(deps, () => facts().lanIP);
  const vms = new VmService(deps);
  const clones = new CloneService(deps, vms);
  const snapshots = new SnapshotService(deps);
  const schedules = undo.use(new ScheduleService(deps, snapshots, () => timeZoneOf(records)));
  const blockDevices = new BlockDeviceService(deps);
  const netDevices = new NetDeviceService(deps);
  const virtualDisks = new VirtualDiskLibrary({ records, layers, tasks });
  const stats = new VmStats(deps, availableParallelism());
  const node = {
    records,
    tasks,
    now,
    facts,
    load: () => stats.load(),
    hasVirtualization: accelerator === "kvm",
    shutdown: async (isForced: boolean, inner: AbortSignal) => await power.stopAll(isForced, inner),
  };
  const transfers = {
    exports,
    imports: new ImportService(deps, vms, settings),
    changedBlocks: async (uuid: string, serials: readonly [number, number], signal: AbortSignal) =>
      await changedBlocks(deps, uuid, serials, signal),
  };
  return [
    ...taskRoutes(tasks),
    ...configRoutes({ records, tasks }),
    ...clusterRoutes(node),
    ...vmRoutes({ reader, vms, power, clones, blockDevices, netDevices }),
    ...diskRoutes({ records, tasks, layers, virtualDisks, isos, blockDevices }),
    ...snapshotRoutes({ records, reader, snapshots, schedules }),
    ...replicationRoutes({ records, tasks }),
    ...statsRoutes(stats),
    ...transferRoutes(transfers),
  ];
}

function timeZoneOf(records: RecordStore): string {
  return (
    records.find<StoredRecord & { timeZone: string }>("TimeZone", "timezone_guid")?.timeZone ?? "Etc/UTC"
  );
}

/** The folder for exports may be that of several hosts: what is not complete there is each one's own. */
function placeSettings({ exchangeFolder }: HypervisorOptions, nodeUUID: string): PlaceSettings {
  const stagingName = `.gantry-${nodeUUID}`;
  if (exchangeFolder === undefined) return { stagingName };
  rmSync(join(exchangeFolder, stagingName), { recursive: true, force: true });
  return { exchangeFolder, stagingName };
}

function openAccess(folder: string, records: RecordStore, now: () => Date) {
  const passwordFile = join(folder, "initial-password");
  const nowMs = () => now().getTime();
  return {
    passwordFile,
    users: new Users({ records, initialPasswordFile: passwordFile }),
    sessions: new Sessions(nowMs),
    failedLogins: new FailedLogins(nowMs),
  };
}

/** `gvm` for the usual instance, else its number with a letter before. */
function prefixOf(name: string): string {
  const [, number] = /-([\da-f]{6})$/.exec(name) ?? [];
  return number === undefined ? "gvm" : `g${number}`;
}

function hostNameServers(): readonly string[] {
  const text = existsSync("/etc/resolv.conf") ? readFileSync("/etc/resolv.conf", "utf8") : "";
  return [...text.matchAll(/^nameserver\s+([\d.]+)\s*$/gm)].map(([, address = ""]) => address);
}

function canBypassCache(folder: string): boolean {
  const file = join(folder, ".probe");
  try {
    closeSync(openSync(file, constants.O_CREAT | constants.O_RDWR | constants.O_DIRECT));
    return true;
  } catch {
    return false;
  } finally {
    rmSync(file, { force: true });
  }
}
