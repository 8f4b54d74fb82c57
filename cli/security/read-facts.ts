import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { connect } from "node:net";
import type { DockerClient } from "#client/docker-client.ts";
import type { EngineOptions } from "../context.ts";
import { findEngine } from "../instance/pid-file.ts";
import type {
  ContainerFacts,
  EngineFacts,
  FileFacts,
  ImageFacts,
  ProcessFacts,
  SecurityFacts,
} from "./check.ts";
import { pathsOfInterest } from "./file-checks.ts";

const plainTimeoutMs = 1000;

interface Info {
  readonly SecurityOptions?: readonly string[] | null;
  readonly Plugins?: { readonly Authorization?: readonly string[] | null };
  readonly LiveRestoreEnabled?: boolean;
  readonly ExperimentalBuild?: boolean;
  readonly Swarm?: { readonly LocalNodeState?: string };
  readonly Driver?: string;
  readonly LoggingDriver?: string;
  readonly RegistryConfig?: { readonly InsecureRegistryCIDRs?: readonly string[] | null };
  readonly Warnings?: readonly string[] | null;
}

/** Asks the engine, its processes and its files everything that the checks want to know. */
export async function readFacts(
  { api }: DockerClient,
  instance: EngineOptions,
  signal: AbortSignal,
): Promise<SecurityFacts> {
  const get = <T>(path: string) => api.json<T>("GET", path, {}, signal);
  const info = await get<Info>("/info");
  const bridge = await get<{ readonly Options?: Readonly<Record<string, string>> }>("/networks/bridge");
  const listed = await get<readonly { readonly Id: string }[]>("/containers/json?all=1");
  const containers = await Promise.all(listed.map(({ Id }) => get<ContainerFacts>(`/containers/${Id}/json`)));
  const shown = await get<readonly { readonly Id: string }[]>("/images/json");
  const images = await Promise.all(shown.map(({ Id }) => get<ImageFacts>(`/images/${Id}/json`)));
  const pid = findEngine(instance.run)?.pid;
  const engine: EngineFacts = {
    securityOptions: info.SecurityOptions ?? [],
    authorizationPlugins: info.Plugins?.Authorization ?? [],
    liveRestore: info.LiveRestoreEnabled ?? false,
    isExperimental: info.ExperimentalBuild ?? false,
    isSwarm: (info.Swarm?.LocalNodeState ?? "inactive") !== "inactive",
    storageDriver: info.Driver ?? "",
    loggingDriver: info.LoggingDriver ?? "",
    insecureRegistries: info.RegistryConfig?.InsecureRegistryCIDRs ?? [],
    warnings: info.Warnings ?? [],
    connectsBridge: bridge.Options?.["com.docker.network.bridge.enable_icc"] !== "false",
    plainAddresses: pid === undefined ? [] : await plainAmong(tcpListenersOf(pid)),
    hasProxyProcess: hasProcess("docker-proxy"),
    abstractSockets: pid === undefined ? [] : abstractSocketsOf(pid),
    visibleMounts: readFileSync("/proc/self/mounts", "utf8").split(`upperdir=${instance.root}/`).length - 1,
    ...filesOf(pid),
  };
  const processes = new Map<number, ProcessFacts>();
  for (const { State } of containers) if (State.Pid > 0) addProcess(processes, State.Pid);
  const facts: SecurityFacts = {
    root: instance.root,
    run: instance.run,
    programs: pid === undefined ? [] : programsOf(pid),
    engine,
    containers,
    images,
    processes,
    host: readProcess("self"),
    files: new Map<string, FileFacts>(),
  };
  return { ...facts, files: statAll(pathsOfInterest(facts)) };
}

function statAll(paths: readonly string[]): ReadonlyMap<string, FileFacts> {
  const found = new Map<string, FileFacts>();
  for (const path of paths) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined) found.set(path, { uid: stat.uid, gid: stat.gid, mode: stat.mode & 0o7777 });
  }
  return found;
}

/** The files of TLS, as the engine was started with them. */
function filesOf(pid: number | undefined): Pick<EngineFacts, "certificates" | "keys"> {
  const words = pid === undefined ? [] : readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  const after = (flag: string) =>
    words.flatMap((word, index) => {
      if (word === flag) return words[index + 1] ?? [];
      return word.startsWith(`${flag}=`) ? word.slice(flag.length + 1) : [];
    });
  return { certificates: [...after("--tlscert"), ...after("--tlscacert")], keys: after("--tlskey") };
}

/** Nothing is added when it has ended meanwhile. */
function addProcess(found: Map<number, ProcessFacts>, pid: number): void {
  try {
    found.set(pid, readProcess(pid));
  } catch {
    // ended
  }
}

function readProcess(pid: number | "self"): ProcessFacts {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const line = (name: string) => new RegExp(`^${name}:\\s*(\\w+)`, "m").exec(status)?.[1] ?? "0";
  const kinds = ["mnt", "pid", "net", "ipc", "uts"];
  return {
    seccomp: Number(line("Seccomp")),
    bounding: BigInt(`0x${line("CapBnd")}`),
    inheritable: BigInt(`0x${line("CapInh")}`),
    ambient: BigInt(`0x${line("CapAmb")}`),
    pidsMax: readPidsMax(pid),
    namespaces: Object.fromEntries(kinds.map((kind) => [kind, readlinkSync(`/proc/${pid}/ns/${kind}`)])),
  };
}

/** @see cgroups(7), "/proc files" */
function readPidsMax(pid: number | "self"): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const path = (controllers: string) =>
    lines.map((line) => line.split(":")).find(([, it]) => it === controllers)?.[2];
  const candidates = [`/sys/fs/cgroup/pids${path("pids") ?? ""}`, `/sys/fs/cgroup${path("") ?? ""}`];
  for (const folder of candidates)
    try {
      return readFileSync(`${folder}/pids.max`, "utf8").trim();
    } catch {
      // the other kind of hierarchy, or the root of one
    }
  return "max";
}

/** The interpreter, and the script where there is one. */
function programsOf(pid: number): readonly string[] {
  const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  return [readlinkSync(`/proc/${pid}/exe`), ...words.filter((word) => word.endsWith("/gantry.ts"))];
}

function socketsOf(pid: number): ReadonlySet<string> {
  const sockets = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`))
    try {
      sockets.add(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? "");
    } catch {
      // closed meanwhile
    }
  return sockets;
}

function abstractSocketsOf(pid: number): readonly string[] {
  const sockets = socketsOf(pid);
  const lines = readFileSync(`/proc/${pid}/net/unix`, "utf8").split("\n");
  return lines.flatMap((line) => {
    const [, , , , , , inode = "", name = ""] = line.split(/ +/);
    return name.startsWith("@") && sockets.has(inode) ? [name] : [];
  });
}

interface Listener {
  readonly host: string;
  readonly port: number;
}

/** @see proc_net_tcp: the state 0A is LISTEN, addresses are in the machine's byte order */
function tcpListenersOf(pid: number): readonly Listener[] {
  const sockets = socketsOf(pid);
  const lines = [`/proc/${pid}/net/tcp`, `/proc/${pid}/net/tcp6`].flatMap((path) =>
    readFileSync(path, "utf8").split("\n"),
  );
  return lines.flatMap((line) => {
    const [, local = "", , state, , , , , , inode] = line.trim().split(/ +/);
    if (state !== "0A" || !sockets.has(inode ?? "?")) return [];
    const [address = "", port = ""] = local.split(":");
    const bytes = [...Buffer.from(address.slice(0, 8), "hex")].reverse();
    const isAny = /^0*$/.test(address) || address.length > 8;
    return [{ host: isAny ? "127.0.0.1" : bytes.join("."), port: Number.parseInt(port, 16) }];
  });
}

async function plainAmong(listeners: readonly Listener[]): Promise<readonly string[]> {
  const answers = await Promise.all(listeners.map(answersPlainly));
  return listeners.filter((_, index) => answers[index]).map(({ host, port }) => `tcp://${host}:${port}`);
}

function answersPlainly({ host, port }: Listener): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, host, () => socket.write("GET /_ping HTTP/1.1\r\nHost: engine\r\n\r\n"));
  socket.setTimeout(plainTimeoutMs, () => resolve(false));
  socket.once("data", (bytes: Buffer) => resolve(bytes.toString("latin1").startsWith("HTTP/1.1 ")));
  socket.once("close", () => resolve(false));
  socket.once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}

function hasProcess(name: string): boolean {
  return readdirSync("/proc").some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/comm`, "utf8").trim() === name;
    } catch {
      return false;
    }
  });
}
