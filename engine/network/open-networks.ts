import type { BridgeIPv6 } from "#base/bridge-ipv6.ts";
import { existsSync, readFileSync } from "node:fs";
import type { Log } from "#base/log.ts";
import { type Clock, formatTime } from "#base/time.ts";
import type { EventSink } from "#engine/events/events.ts";
import type { Database } from "#host/sqlite/database.ts";
import type { Handle, KernelHelper } from "#engine/supervise/kernel-helper.ts";
import { parseRoutes } from "#host/link/routes.ts";
import { type KernelLoss, KernelWatch } from "#host/nft/kernel-watch.ts";
import { NftShell } from "#host/nft/nft-shell.ts";
import { BridgeNetworks } from "./bridge-networks.ts";
import { parseCidr, type Subnet, subnetOf } from "#base/cidr.ts";
import { DnsThread } from "./dns/dns-thread.ts";
import { Guardian } from "./guardian.ts";
import { isVethName, kernelNames, localPrefixOf } from "./kernel-names.ts";
import { KernelRules } from "./kernel-rules.ts";
import { NetworkAdministration } from "./network-administration.ts";
import { NetworkRegistry } from "./network-registry.ts";
import { NetworkTable } from "./network-table.ts";
import { ReadyPool } from "./pool.ts";
import { ensurePredefined } from "./predefined.ts";
import { isLoopback, parseResolvConf } from "./resolv-conf.ts";
import type { RulesetStyle } from "./ruleset.ts";
import { Sandboxes } from "./sandboxes.ts";
import { nameserverSubnets } from "./subnets.ts";
import { VethSweeper } from "./veth-sweeper.ts";

export interface NetworkDeps {
  readonly kernel: KernelHelper;
  readonly database: Database;
  readonly events: EventSink;
  readonly log: Log;
  readonly now: Clock;
}

export interface NetworkOptions {
  /** See {@link kernelNames}. */
  readonly instance: string;
  /** For files that live for a moment. */
  readonly runFolder: string;
  /** Of the default bridge, `address/prefix`; without it a free subnet is chosen once and kept. */
  readonly bridgeCidr?: string;
  /** Whether it has IPv6; by default not. */
  readonly bridgeIPv6?: BridgeIPv6;
  /** Whether containers on the default bridge reach each other; by default they do. */
  readonly connectsBridge?: boolean;
  /** More driver options of the default bridge. */
  readonly bridgeOptions?: Readonly<Record<string, string>>;
  /** By default Docker's. */
  readonly style?: RulesetStyle;
  /** Subnets of IPv4 that others have, besides those that the host has routes to. */
  readonly othersSubnets?: () => readonly string[];
  /** Sandboxes to keep ready for the default bridge; those without a network are a quarter of it. */
  readonly poolSize?: number;
  /** The native program, to hear of what others do to rules and bridges; without it nobody does. */
  readonly nativeBinary?: string;
  /** The host's; systemd-resolved's own file is read in its place when it names nothing but the stub on the loopback. */
  readonly resolvConf?: string;
}

export interface OpenNetworks extends AsyncDisposable {
  readonly networks: BridgeNetworks;
  readonly management: NetworkAdministration;
}

const POOL_SIZE = 8;
const RESOLVED_CONF = "/run/systemd/resolve/resolv.conf";

/**
 * The engine's networks, wired. Reads the records and chooses the default bridge's subnet where there is none yet; nothing is done
 * to the kernel before the first container, `settle` or `warm`. Disposing ends helpers and leaves what containers use.
 */
export async function openNetworks(deps: NetworkDeps, options: NetworkOptions): Promise<OpenNetworks> {
  const { kernel, database, events, log, now } = deps;
  const names = kernelNames(options.instance);
  const readHostResolvConf = () => readResolvConf(options.resolvConf ?? "/etc/resolv.conf");
  const { othersSubnets = () => [] } = options;
  const subnetsInUse = () => [
    ...hostSubnets(readHostResolvConf()),
    ...othersSubnets().map((text) => parseCidr(text).subnet),
  ];
  const registry = new NetworkRegistry(database);
  const { instance, bridgeCidr, bridgeIPv6, connectsBridge = true, bridgeOptions, style } = options;
  const localPrefix = localPrefixOf(instance, machineId());
  const bridge = { bridgeCidr, bridgeIPv6, connectsBridge, bridgeOptions };
  const predefined = { instance, names, localPrefix, ...bridge };
  await ensurePredefined(registry, predefined, subnetsInUse, formatTime(now()));
  const table = new NetworkTable(registry);
  const poolSize = options.poolSize ?? POOL_SIZE;
  await using parts = new AsyncDisposableStack();
  const nft = parts.use(new NftShell({ folder: options.runFolder, log }));
  const watch = options.nativeBinary === undefined ? undefined : { binary: options.nativeBinary, log };
  const onLoss = (loss: KernelLoss) => guardian.lost(loss);
  const kernelWatch = watch && parts.use(new KernelWatch({ ...watch, onLoss }));
  const rules = new KernelRules({
    nft,
    table: names.table,
    networks: table,
    ...(style !== undefined && { style }),
    log,
    beforeFirst: async () => kernelWatch?.begin(names.table),
  });
  const sandboxes = parts.use(new Sandboxes({ kernel, names, log, poolSize }));
  const bareSandboxes = parts.use(barePool(kernel, Math.ceil(poolSize / 4), log));
  const dns = parts.use(new DnsThread({ log }));
  const sweeper = parts.use(new VethSweeper(log));
  const networks = new BridgeNetworks({
    kernel,
    table,
    rules,
    sandboxes,
    bareSandboxes,
    dns,
    sweeper,
    isOwnVeth: (name) => isVethName(names, name),
    events,
    log,
    readResolvConf: readHostResolvConf,
  });
  const guardian = parts.use(
    new Guardian({ table, rules, repair: (network) => networks.repair(network), log }),
  );
  const management = new NetworkAdministration({
    registry,
    table,
    rules,
    events,
    log,
    now,
    subnetsInUse,
    localPrefix,
  });
  const all = parts.move();
  return { networks, management, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function barePool(kernel: KernelHelper, size: number, log: Log): ReadyPool<Handle> {
  return new ReadyPool<Handle>({
    size,
    make: () => kernel.createSandbox(undefined),
    isUsable: (handle) => kernel.isHeld(handle),
    discard: (handle) => kernel.release(handle),
    log,
  });
}

function readResolvConf(file: string): string {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const isStub = parseResolvConf(text).servers.every(isLoopback);
  return isStub && existsSync(RESOLVED_CONF) ? readFileSync(RESOLVED_CONF, "utf8") : text;
}

function machineId(): string {
  return existsSync("/etc/machine-id") ? readFileSync("/etc/machine-id", "utf8").trim() : "";
}

function hostSubnets(resolvConf: string): readonly Subnet[] {
  const routes = parseRoutes(readFileSync("/proc/net/route", "utf8"));
  return [
    ...routes.map(({ destination, mask }) => subnetOf(destination, Math.clz32(~mask))),
    ...nameserverSubnets(parseResolvConf(resolvConf).servers),
  ];
}
