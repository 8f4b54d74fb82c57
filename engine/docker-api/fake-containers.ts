import type { PathStat } from "#api/docker/path-stat.ts";
import { outputFrame } from "#engine/supervise/output-frames.ts";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type Duplex, PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { ContainerConfig, HostConfig } from "#api/docker/container.ts";
import { normalizeCreate } from "#api/docker/normalize.ts";
import { Fault } from "#base/fault.ts";
import { type Clock, formatTime } from "#base/time.ts";
import type { Attachment, Containers, ExecRecord } from "#engine/containers/containers.ts";
import {
  type ContainerRecord,
  type ContainerStatus,
  neverStarted,
  zeroTime,
} from "#engine/containers/record.ts";
import type { EventBus } from "#engine/events/event-bus.ts";
import type { ImageResolver } from "#engine/images/images.ts";

/** What a fake process does with its streams; settles with the exit code. */
type Program = (io: Process, args: readonly string[]) => Promise<number>;

interface Process {
  readonly isTty: boolean;
  readonly stdin: PassThrough;
  readonly killed: Promise<number>;
  readonly write: (stream: 1 | 2, bytes: Buffer | string) => void;
}

const programs: Readonly<Record<string, Program>> = {
  echo: async ({ write }, args) => {
    write(1, `${args.join(" ")}\n`);
    return 0;
  },
  warn: async ({ write }, args) => {
    write(2, `${args.join(" ")}\n`);
    return 0;
  },
  cat: async ({ write, stdin, killed }) => {
    stdin.on("data", (chunk: Buffer) => write(1, chunk));
    await Promise.race([once(stdin, "end"), killed]);
    return 0;
  },
  exit: async (_io, [code = "0"]) => Number(code),
  sleep: async ({ killed }) => killed,
};

/** A process with those who are attached to it. Output goes to the log too. */
class FakeProcess implements Process {
  readonly isTty: boolean;
  readonly stdin = new PassThrough();
  readonly log: { readonly stream: 1 | 2; readonly bytes: Buffer }[] = [];
  readonly clients = new Set<{ readonly streams: ReadonlySet<number>; readonly sink: PassThrough }>();
  readonly killed: Promise<number>;
  readonly ended: Promise<number>;
  readonly kill: (code: number) => void;
  readonly #end: (code: number) => void;

  constructor(isTty: boolean) {
    this.isTty = isTty;
    const killed = Promise.withResolvers<number>();
    const ended = Promise.withResolvers<number>();
    this.killed = killed.promise;
    this.kill = killed.resolve;
    this.ended = ended.promise;
    this.#end = ended.resolve;
  }

  readonly write = (stream: 1 | 2, data: Buffer | string): void => {
    const bytes = Buffer.from(data);
    this.log.push({ stream, bytes });
    for (const { streams, sink } of this.clients)
      if (streams.has(stream)) sink.write(this.framed(stream, bytes));
  };

  async run(args: readonly string[]): Promise<number> {
    const [name = "", ...rest] = args;
    const code = await (programs[name] ?? (async () => 127))(this, rest);
    this.#end(code);
    for (const { sink } of this.clients) sink.end();
    return code;
  }

  framed(stream: 1 | 2, bytes: Buffer): Buffer {
    return this.isTty ? bytes : outputFrame(stream, bytes);
  }

  attach(streams: ReadonlySet<number>, takesStdin: boolean, withLogs: boolean): Attachment {
    const client = { streams, sink: new PassThrough() };
    if (withLogs)
      for (const { stream, bytes } of this.log)
        if (streams.has(stream)) client.sink.write(this.framed(stream, bytes));
    this.clients.add(client);
    const leave = () => void this.clients.delete(client);
    return {
      isTty: this.isTty,
      cancel: leave,
      connect: async (duplex: Duplex) => {
        if (takesStdin) {
          duplex.on("data", (chunk: Buffer) => this.stdin.write(chunk));
          duplex.on("end", () => this.stdin.end());
        } else duplex.resume();
        client.sink.pipe(duplex);
        await Promise.race([once(client.sink, "end"), once(duplex, "close")]);
        leave();
      },
    };
  }
}

interface FakeContainer {
  record: ContainerRecord;
  process: FakeProcess;
  readonly files: Map<string, { readonly stat: PathStat; readonly tar: Buffer }>;
  removed: boolean;
}

/** Containers in memory whose programs are a few functions; for tests of the API. */
export class FakeContainers implements Containers {
  readonly #byId = new Map<string, FakeContainer>();
  readonly #execs = new Map<string, { record: ExecRecord; readonly process: FakeProcess; hasRun: boolean }>();
  readonly #waiters = new Set<() => void>();
  readonly #deps: { readonly images: ImageResolver; readonly events: EventBus; readonly now: Clock };

  constructor(deps: { readonly images: ImageResolver; readonly events: EventBus; readonly now: Clock }) {
    this.#deps = deps;
  }

  async create({ name, body, apiVersion }: Parameters<Containers["create"]>[0]) {
    const { config, hostConfig, endpoints, warnings } = normalizeCreate(body, Number(apiVersion.slice(2)));
    const image = this.#deps.images.resolve(config.Image);
    const args = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
    if (args.length === 0) throw new Fault("invalid", "no command specified");
    const id = randomBytes(32).toString("hex");
    const taken = this.#find(name ?? "");
    if (name !== undefined && taken !== undefined)
      throw new Fault(
        "conflict",
        `Conflict. The container name "/${name}" is already in use by container "${taken.record.id}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
    const record = newRecord({
      id,
      name: name ?? `fake_${id.slice(0, 6)}`,
      config,
      hostConfig,
      args,
      endpoints,
    });
    this.#byId.set(id, {
      record: {
        ...record,
        created: formatTime(this.#deps.now()),
        imageId: image.id,
        manifest: image.manifest,
      },
      process: new FakeProcess(config.Tty),
      files: new Map(),
      removed: false,
    });
    this.#publish(record, "create");
    return { id, warnings };
  }

  get(ref: string): ContainerRecord {
    return this.#get(ref).record;
  }

  list(): readonly ContainerRecord[] {
    return [...this.#byId.values()].map(({ record }) => record).reverse();
  }

  revisionOf(): number {
    return 0;
  }

  async start(ref: string): Promise<void> {
    const container = this.#get(ref);
    if (container.record.state.status === "running") throw new Fault("not-modified", "already started");
    if (container.record.state.status === "exited")
      container.process = new FakeProcess(container.record.config.Tty);
    this.#update(container, { status: "running", pid: 4242, startedAt: formatTime(this.#deps.now()) });
    this.#publish(container.record, "start");
    void container.process.run(container.record.args).then((code) => this.#exited(container, code));
  }

  #exited(container: FakeContainer, exitCode: number): void {
    const finishedAt = formatTime(this.#deps.now());
    this.#update(container, { status: "exited", pid: 0, exitCode, finishedAt });
    this.#publish(container.record, "die", { exitCode: String(exitCode) });
    if (container.record.hostConfig.AutoRemove) this.#discard(container);
    this.#wake();
  }

  async stop(ref: string): Promise<void> {
    const container = this.#get(ref);
    if (container.record.state.status !== "running") throw new Fault("not-modified", "not running");
    container.process.kill(137);
    await this.wait(container.record.id, "not-running", AbortSignal.timeout(5000));
  }

  async restart(ref: string): Promise<void> {
    const container = this.#get(ref);
    if (container.record.state.status === "running") await this.stop(ref);
    await this.start(ref);
  }

  async update(ref: string): Promise<readonly string[]> {
    this.#get(ref);
    return [];
  }

  async kill(ref: string, signal: string): Promise<void> {
    const container = this.#get(ref);
    if (!/^(SIG)?[A-Z0-9]+$/.test(signal)) throw new Fault("invalid", `invalid signal: ${signal}`);
    if (container.record.state.status !== "running")
      throw new Fault(
        "conflict",
        `cannot kill container: ${ref}: container ${container.record.id} is not running`,
      );
    container.process.kill(137);
  }

  async pause(ref: string): Promise<void> {
    const container = this.#running(ref);
    this.#update(container, { status: "paused" });
  }

  async unpause(ref: string): Promise<void> {
    const container = this.#get(ref);
    if (container.record.state.status !== "paused")
      throw new Fault("conflict", `Container ${container.record.id} is not paused`);
    this.#update(container, { status: "running" });
  }

  async connectNetwork(
    ref: string,
    network: string,
    settings: ContainerRecord["endpointsConfig"][string],
  ): Promise<void> {
    const container = this.#get(ref);
    const endpointsConfig = { ...container.record.endpointsConfig, [network]: settings };
    container.record = { ...container.record, endpointsConfig };
  }

  async disconnectNetwork(ref: string, network: string): Promise<void> {
    const container = this.#get(ref);
    const { [network]: _, ...endpointsConfig } = container.record.endpointsConfig;
    container.record = { ...container.record, endpointsConfig };
  }

  async rename(ref: string, name: string): Promise<void> {
    const container = this.#get(ref);
    container.record = { ...container.record, name };
  }

  async removeLink(link: string): Promise<void> {
    throw new Fault("not-found", `No such container: ${link}`);
  }

  async remove(ref: string, { force }: { readonly force: boolean }): Promise<void> {
    const container = this.#get(ref);
    if (container.record.state.status === "running" && !force)
      throw new Fault(
        "conflict",
        `cannot remove container "/${container.record.name}": container is running: stop the container before removing or force remove`,
      );
    container.process.kill(137);
    this.#discard(container);
    this.#wake();
  }

  async wait(ref: string, condition: "not-running" | "next-exit" | "removed", signal: AbortSignal) {
    const container = this.#get(ref);
    const before = container.record.state.finishedAt;
    const isMet = () => {
      if (condition === "removed") return container.removed;
      const isUp = ["running", "paused"].includes(container.record.state.status);
      return (
        container.removed ||
        (!isUp && (condition === "not-running" || container.record.state.finishedAt !== before))
      );
    };
    while (!isMet()) await this.#nextChange(signal);
    return { exitCode: container.record.state.exitCode };
  }

  async attach(ref: string, options: Parameters<Containers["attach"]>[1]): Promise<Attachment> {
    const container = this.#get(ref);
    const streams = new Set([...(options.stdout ? [1] : []), ...(options.stderr ? [2] : [])]);
    return container.process.attach(streams, options.stdin, options.logs);
  }

  async resize(ref: string): Promise<void> {
    this.#running(ref);
  }

  async *logs(
    ref: string,
    query: Parameters<Containers["logs"]>[1],
    signal: AbortSignal,
  ): AsyncIterable<Buffer> {
    const { process } = this.#get(ref);
    const isWanted = (stream: 1 | 2) => (stream === 1 ? query.stdout : query.stderr);
    const send = () => process.log.filter(({ stream }) => isWanted(stream)).slice(-(query.tail ?? 1e9));
    for (const { stream, bytes } of send()) yield process.framed(stream, bytes);
    if (query.follow) await Promise.race([process.ended, once(signal, "abort")]);
  }

  async createExec(ref: string, config: Parameters<Containers["createExec"]>[1]): Promise<string> {
    const container = this.#running(ref);
    const id = randomBytes(32).toString("hex");
    const record = {
      id,
      containerId: container.record.id,
      config,
      isRunning: false,
      exitCode: null,
      pid: 0,
      detachKeys: "",
    };
    this.#execs.set(id, { record, process: new FakeProcess(config.Tty ?? false), hasRun: false });
    return id;
  }

  async startExec(execId: string, { detach }: { readonly detach: boolean }): Promise<Attachment> {
    const exec = this.#execs.get(execId);
    if (exec === undefined) throw new Fault("not-found", `No such exec instance: ${execId}`);
    if (exec.hasRun) throw new Fault("conflict", `Error: Exec command ${execId} has already run`);
    exec.hasRun = true;
    const { config } = exec.record;
    const streams = new Set([...(config.AttachStdout ? [1] : []), ...(config.AttachStderr ? [2] : [])]);
    const attachment = exec.process.attach(streams, config.AttachStdin ?? false, false);
    exec.record = { ...exec.record, isRunning: true, pid: 4343 };
    void exec.process.run(config.Cmd ?? []).then((exitCode) => {
      exec.record = { ...exec.record, isRunning: false, exitCode };
    });
    return detach ? { ...attachment, connect: async () => {} } : attachment;
  }

  getExec(execId: string): ExecRecord {
    const exec = this.#execs.get(execId);
    if (exec === undefined) throw new Fault("not-found", `No such exec instance: ${execId}`);
    return exec.record;
  }

  openExecs(containerId: string): readonly string[] {
    return [...this.#execs.values()]
      .filter(({ record }) => record.containerId === containerId && record.exitCode === null)
      .map(({ record }) => record.id);
  }

  async resizeExec(execId: string): Promise<void> {
    this.getExec(execId);
  }

  async processes(ref: string): Promise<readonly number[]> {
    this.#running(ref);
    return [process.pid];
  }

  async statPath(ref: string, path: string): Promise<PathStat> {
    return this.#file(ref, path).stat;
  }

  async readArchive(ref: string, path: string) {
    const { stat, tar } = this.#file(ref, path);
    return { stat, tar: Readable.from([tar]) };
  }

  /** Keeps the archive and gives it back for each file in it, as its only entry's path. */
  async writeArchive(ref: string, path: string, tar: Readable): Promise<void> {
    const container = this.#get(ref);
    const bytes = await buffer(tar);
    const name = bytes.subarray(0, 100).toString("latin1").replace(/\0.*$/s, "");
    const size = Number.parseInt(bytes.subarray(124, 136).toString("latin1"), 8);
    const stat = { name, size, mode: 0o644, mtime: zeroTime, linkTarget: "" };
    container.files.set(`${path.replace(/\/$/, "")}/${name}`, { stat, tar: bytes });
  }

  async export(ref: string): Promise<Readable> {
    this.#get(ref);
    return Readable.from([Buffer.alloc(1024)]);
  }

  async changes(ref: string) {
    this.#get(ref);
    return [{ Path: "/added", Kind: 1 as const }];
  }

  async commit(ref: string): Promise<string> {
    this.#get(ref);
    return `sha256:${"c".repeat(64)}`;
  }

  async sizeRw(ref: string): Promise<number> {
    this.#get(ref);
    return 7;
  }

  logPath(ref: string): string {
    const { id } = this.get(ref);
    return `/var/lib/gantry/containers/${id}/${id}-json.log`;
  }

  async prune(matches: (record: ContainerRecord) => boolean) {
    const gone = [...this.#byId.values()].filter(
      ({ record }) => record.state.status !== "running" && matches(record),
    );
    for (const container of gone) this.#discard(container);
    return { removed: gone.map(({ record }) => record.id), bytes: 7 * gone.length };
  }

  #find(ref: string): FakeContainer | undefined {
    const name = ref.replace(/^\//, "");
    for (const container of this.#byId.values())
      if (container.record.name === name || (name.length > 5 && container.record.id.startsWith(name)))
        return container;
    return undefined;
  }

  #get(ref: string): FakeContainer {
    const found = this.#find(ref);
    if (found === undefined) throw new Fault("not-found", `No such container: ${ref}`);
    return found;
  }

  #running(ref: string): FakeContainer {
    const container = this.#get(ref);
    if (container.record.state.status === "running") return container;
    throw new Fault("conflict", `container ${container.record.id} is not running`);
  }

  #file(ref: string, asked: string) {
    const path = asked.replace(/(?<=.)\/\.?$/, "");
    const { files } = this.#get(ref);
    const found = files.get(path);
    if (found !== undefined) return found;
    const isFolder = path === "/" || [...files.keys()].some((file) => file.startsWith(`${path}/`));
    if (!isFolder && path !== "/tmp")
      throw new Fault("not-found", `Could not find the file ${path} in container ${ref}`);
    const stat = { name: path.slice(1), size: 0, mode: 2 ** 31 + 0o755, mtime: zeroTime, linkTarget: "" };
    return { stat, tar: Buffer.alloc(1024) };
  }

  #update(
    container: FakeContainer,
    state: Partial<ContainerRecord["state"]> & { readonly status: ContainerStatus },
  ): void {
    container.record = { ...container.record, state: { ...container.record.state, ...state } };
  }

  #discard(container: FakeContainer): void {
    this.#byId.delete(container.record.id);
    container.removed = true;
    this.#publish(container.record, "destroy");
  }

  #publish(record: ContainerRecord, action: string, more: Readonly<Record<string, string>> = {}): void {
    this.#deps.events.publish("container", action, record.id, {
      ...more,
      image: record.config.Image,
      name: record.name,
    });
  }

  #nextChange(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#waiters.delete(settle);
        signal.removeEventListener("abort", fail);
        resolve();
      };
      const fail = () => {
        this.#waiters.delete(settle);
        reject(signal.reason as Error);
      };
      this.#waiters.add(settle);
      signal.addEventListener("abort", fail, { once: true });
    });
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
  }
}

function newRecord(parts: {
  readonly id: string;
  readonly name: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly args: readonly string[];
  readonly endpoints: ContainerRecord["endpointsConfig"];
}): ContainerRecord {
  const { id, name, config, hostConfig, args, endpoints } = parts;
  return {
    id,
    name,
    created: zeroTime,
    imageId: "",
    manifest: "",
    config: { ...config, Hostname: config.Hostname || id.slice(0, 12) },
    hostConfig,
    endpointsConfig: endpoints,
    mounts: [],
    state: neverStarted,
    restartCount: 0,
    isManuallyStopped: false,
    args,
  };
}
