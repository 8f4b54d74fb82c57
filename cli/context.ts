import type { Access } from "#base/access.ts";
import type { BridgeIPv6 } from "#base/bridge-ipv6.ts";
import type { ContainerPolicy } from "#base/container-policy.ts";
import type { LogLevel } from "#base/log.ts";
import type { RegistryServerSettings } from "#base/registry-server-settings.ts";
import type { RegistrySettings } from "#base/registry-settings.ts";
import type { DockerClient } from "#client/docker-client.ts";
import type { ConfigFile } from "./config/config-file.ts";
import type { CompletionKind, FlagTable, FlagValues } from "./flags.ts";
import type { GlobalValues } from "./global-flags.ts";
import type { Terminal } from "./output/terminal.ts";

/** What the engine's daemon needs to know. */
export interface EngineOptions {
  readonly root: string;
  readonly run: string;
  /** Address of the default bridge with its prefix, e.g. `172.17.0.1/16`. */
  readonly bridgeCidr?: string;
  readonly bridgeIPv6?: BridgeIPv6;
  /** `default`: containers have user namespaces unless they ask for the host's. */
  readonly usernsRemap?: string;
  readonly runtimes?: {
    /** `NAME=PATH` */
    readonly added: readonly string[];
    readonly defaultName?: string;
  };
  readonly logLevel: LogLevel;
  /** Only its own socket, unless told. */
  readonly access?: Access;
  /** Docker's, unless told. */
  readonly policy?: ContainerPolicy;
  /** How often images are looked at for what was altered on disk; 0 for never. */
  readonly scrubIntervalMs?: number;
  /** Which images may be used; all, unless told. Absolute paths. */
  readonly trust?: { readonly policy: string; readonly signatures?: string };
  /** Docker's, unless told. */
  readonly registries?: RegistrySettings;
  /** Where a registry over the engine's own content is served; nowhere, unless told. */
  readonly registryServer?: RegistryServerSettings;
  /** The log driver of containers that name none, with its options. */
  readonly logs?: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
  /** Where all pods of the cluster are. */
  readonly clusterCidr?: string;
}

/** What a registry without an engine needs to know. */
export interface RegistryOptions {
  readonly root: string;
  readonly logLevel: LogLevel;
  readonly server: RegistryServerSettings;
}

/** What a cluster's server needs to know. */
export interface ServerOptions {
  readonly root: string;
  readonly run: string;
  readonly logLevel: LogLevel;
  /** Where the Kubernetes API is; an empty host is every address, port 0 any that is free. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Whether this machine is a node. */
  readonly hasAgent: boolean;
  /** What there must be less of before its pods are evicted, as a kubelet's `--eviction-hard`; upstream's, unless told. */
  readonly evictionHard?: string;
  /** The socket of its container runtime; the engine's, unless told. */
  readonly criEndpoint?: string;
  readonly auditPolicy?: string;
  /** Addresses for load balancers: ADDRESS/PREFIX or FIRST-LAST. */
  readonly lbPool?: string;
  /** Where others reach this machine. */
  readonly advertise?: string;
  /** An etcd cluster for the state; files are absolute. */
  readonly etcd?: {
    readonly servers: string;
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
  };
}

/** What the hypervisor needs to know. */
export interface HypervisorOptions {
  readonly root: string;
  readonly run: string;
  readonly logLevel: LogLevel;
  /** Where its API is; an empty host is every address, port 0 any that is free. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Of the host on the machines' network, with its prefix length. */
  readonly vmCidr?: string;
  /** An interface that the VLANs of machines' NICs are connected to. */
  readonly uplink?: string;
}

/** What the hypervisor tells of itself once it serves. */
export interface RunningHypervisor extends AsyncDisposable {
  readonly port: number;
  readonly accelerator: string;
}

/** What only `bin/` may reach, handed in so that the command line does not depend on the daemons. */
export interface Services {
  openEngine(options: EngineOptions): Promise<AsyncDisposable>;
  openRegistry(options: RegistryOptions): Promise<AsyncDisposable>;
  openServer(options: ServerOptions): Promise<AsyncDisposable>;
  openHypervisor(options: HypervisorOptions): Promise<RunningHypervisor>;
  /** The command that starts this program again: interpreter, its flags, script. */
  readonly self: readonly [string, ...string[]];
  /** Of the compiled program: runs the words elsewhere, where Node is. Resolves to the exit code. */
  handOver?(argv: readonly string[]): Promise<number>;
}

/** Everything a command may use of the world. */
export interface Context {
  readonly out: Terminal;
  readonly err: Terminal;
  /** The words that named the command: `["gantry", "container", "ls"]`. */
  readonly path: readonly string[];
  readonly instance: EngineOptions;
  readonly globals: GlobalValues;
  /** Flags that the command's group takes before the command's name, for a group that has some. */
  readonly groupValues: FlagValues<FlagTable>;
  readonly services: Services;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** The daemon that flags, environment and contexts name. Connects when it is asked something. @throws {Fault} `invalid` */
  readonly engine: () => DockerClient;
  /** `config.json` of Docker's tools. Read once. */
  readonly config: () => ConfigFile;
  /** From now on signals are the command's own business: Ctrl-C no longer aborts `signal`. */
  readonly takeSignals: () => void;
}

/** The help's form of what a command does; and what it does. Resolves to the exit code. */
export interface Command<T extends FlagTable = FlagTable> {
  /** What follows the command's name, e.g. `[OPTIONS] NAME`. Several lines are several forms. */
  readonly usage: string;
  readonly about: string;
  readonly flags: T;
  /** How many operands it takes: least and most. */
  readonly operands: readonly [number, number];
  readonly examples: readonly (readonly [command: string, what: string])[];
  readonly exitCodes?: readonly (readonly [code: number, meaning: string])[];
  /** Flags end at the first operand, as the rest is somebody else's command line. */
  readonly flagsFirst?: boolean;
  /** What operands are completed from: one kind for each, the last for all that follow. */
  readonly complete?: readonly CompletionKind[];
  /** Gantry's own command, not one that docker has: takes the flags that name an instance anywhere. */
  readonly isOwn?: boolean;
  /** Runs the engine's own code: the compiled program leaves it to the checkout. */
  readonly needsNode?: boolean;
  /** Never calls {@link Context.engine}: what speaks to one need not be loaded. */
  readonly asksNobody?: boolean;
  run(
    context: Context,
    values: FlagValues<T>,
    operands: readonly string[],
    given: ReadonlySet<string>,
  ): Promise<number>;
}

/** Fixes a command's flag types while it is written. */
export function defineCommand<const T extends FlagTable>(command: Command<T>): Command {
  return command as unknown as Command;
}

export function socketOf(instance: EngineOptions): string {
  return `${instance.run}/docker.sock`;
}
