import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { instanceName } from "#base/instance-name.ts";
import { checkout } from "./engine.ts";
import { ProgramLog } from "./program-log.ts";

/** What an answer says: tests look into every shape. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Told = any;

export interface RestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
  readonly json: Told;
}

/** How a request differs from one of the administrator's with a JSON body. */
export interface RestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is. */
  readonly bytes?: Buffer | string;
}

/** A real hypervisor on a root and run folder of its own, driven through its API. */
export class HypervisorUnderTest implements AsyncDisposable {
  readonly folder: string;
  readonly root: string;
  readonly run: string;
  /** Where machines are exported to, and imported from. */
  readonly exchange: string;
  readonly #log = new ProgramLog();
  #agent = newAgent();
  #child: ChildProcess | undefined;
  #logStart = 0;
  port = 0;
  password = "";

  private constructor(place: string) {
    this.folder = mkdtempSync(join(place, "gantry-hv-"));
    this.root = join(this.folder, "root");
    this.run = join(this.folder, "run");
    this.exchange = join(this.folder, "exchange");
  }

  /** @param place where its folders are to be */
  static async start(place = tmpdir()): Promise<HypervisorUnderTest> {
    const own = new HypervisorUnderTest(place);
    mkdirSync(own.exchange);
    try {
      await own.up();
    } catch (error) {
      rmSync(own.folder, { recursive: true, force: true });
      throw error;
    }
    return own;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** What the daemon has logged, of all its lives. */
  get log(): string {
    return this.#log.text;
  }

  get diskFolder(): string {
    return join(this.root, "hypervisor/disks");
  }

  /** Starts the daemon; resolves when it serves. */
  async up(): Promise<void> {
    const flags = ["--root", this.root, "--run", this.run, "--listen", "127.0.0.1:0"];
    flags.push("--exchange", this.exchange);
    const child = spawn(join(checkout, "bin/gantry"), ["hypervisor", ...flags], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    this.#logStart = this.#log.text.length;
    this.#log.follow(child.stderr);
    const ended = new Promise<never>((_, reject) =>
      child.once("exit", () => reject(new Error(`the hypervisor ended:\n${this.#log.text}`))),
    );
    ended.catch(() => {});
    await Promise.race([this.#log.until(/"the hypervisor is served".*\n/, this.#logStart), ended]);
    const line = this.#log.text
      .slice(this.#logStart)
      .split("\n")
      .find((text) => text.includes("the hypervisor is served"));
    this.port = (JSON.parse(line ?? "") as { port: number }).port;
    this.#agent.destroy();
    this.#agent = newAgent();
    if (this.password === "")
      this.password = readFileSync(join(this.root, "hypervisor/initial-password"), "utf8").trim();
  }

  /** Ends the daemon the hard way, or politely; machines go on. */
  async stop(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /** One request below /rest/v1, by the administrator with Basic where `headers` say nothing else. */
  async api(method: string, path: string, body?: unknown, options: RestOptions = {}): Promise<RestAnswer> {
    const content = options.bytes ?? (body === undefined ? undefined : JSON.stringify(body));
    const basic = `Basic ${Buffer.from(`admin:${this.password}`).toString("base64")}`;
    const headers = {
      ...(options.headers ?? { Authorization: basic }),
      ...(content !== undefined && { "Content-Length": String(Buffer.byteLength(content)) }),
    };
    const { promise, resolve, reject } = Promise.withResolvers<RestAnswer>();
    const request = https.request(
      {
        host: "127.0.0.1",
        port: this.port,
        method,
        path: path.startsWith("//") ? path.slice(1) : `/rest/v1${path}`,
        agent: this.#agent,
        headers,
        rejectUnauthorized: false,
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            text,
            json: answer.headers["content-type"] === "application/json" ? JSON.parse(text) : undefined,
          });
        });
      },
    );
    request.on("error", reject);
    request.end(content);
    return await promise;
  }

  /** A request that has to succeed; what it answers. */
  async ok(method: string, path: string, body?: unknown, options: RestOptions = {}): Promise<Told> {
    const answer = await this.api(method, path, body, options);
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  /** A change whose task has to end well; the uuid of what it made. */
  async done(method: string, path: string, body?: unknown, options: RestOptions = {}): Promise<string> {
    const { taskTag, createdUUID } = await this.ok(method, path, body, options);
    const task = await this.task(taskTag);
    assert.ok(task === undefined || task.state === "COMPLETE", JSON.stringify(task));
    return createdUUID;
  }

  /** Waits as clients do; undefined for an empty tag. */
  async task(tag: string): Promise<Told> {
    for (;;) {
      if (tag === "") return undefined;
      const [task] = await this.ok("GET", `/TaskTag/${tag}`);
      if (task?.state !== "RUNNING" && task?.state !== "QUEUED") return task;
      await sleep(10);
    }
  }

  async act(uuid: string, actionType: string): Promise<void> {
    await this.done("POST", "/VirDomain/action", [{ virDomainUUID: uuid, actionType, cause: "INTERNAL" }]);
  }

  async vm(uuid: string): Promise<Told> {
    const [vm] = await this.ok("GET", `/VirDomain/${uuid}`);
    return vm;
  }

  /** A machine of 64 MiB with blank disks. */
  async newVm(name: string, types: readonly string[] = ["VIRTIO_DISK"]): Promise<string> {
    const blockDevs = types.map((type) => ({ type, capacity: type === "IDE_CDROM" ? 0 : 1 << 20 }));
    const dom = { name, mem: 64 << 20, numVCPU: 1, blockDevs, netDevs: [{ vlan: 0, type: "VIRTIO" }] };
    return await this.done("POST", "/VirDomain", { dom, options: {} });
  }

  /** Files in the folder of disks that no record tells of, and records without their files. */
  async strayFiles(): Promise<readonly string[]> {
    const files = readdirSync(this.diskFolder);
    using database = new DatabaseSync(join(this.root, "hypervisor/state.db"), { readOnly: true });
    const rows = database.prepare("SELECT kind, uuid, record FROM records").all() as {
      kind: string;
      uuid: string;
      record: string;
    }[];
    const vms = new Set(rows.filter(({ kind }) => kind === "vm").map(({ uuid }) => uuid));
    const layers = rows.filter(({ kind }) => kind === "layer").map(({ uuid }) => `${uuid}.qcow2`);
    const isos = rows
      .filter(({ kind, record }) => kind === "iso" && (JSON.parse(record) as { size: number }).size > 0)
      .map(({ uuid }) => `${uuid}.iso`);
    const known = new Set([...layers, ...isos]);
    const stray = files.filter((file) => !known.has(file) && !vms.has(file.slice(0, 36)));
    const missing = layers.filter((file) => !files.includes(file));
    return [...stray.map((file) => `stray ${file}`), ...missing.map((file) => `missing ${file}`)];
  }

  /** The processes that name its folders, but for the daemon itself. */
  processes(name: string): readonly number[] {
    return readdirSync("/proc")
      .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== this.pid)
      .filter((pid) => {
        const command = commandOf(pid);
        return command.includes(this.folder) && command.split("\0")[0]?.includes(name) === true;
      })
      .map(Number);
  }

  /** Folders of its machines' cgroups, with those of the machines. */
  cgroups(): readonly string[] {
    const root = "/sys/fs/cgroup";
    const own = `${instanceName(this.root)}-vms`;
    const places = [root, ...readdirSync(root).map((name) => join(root, name))].map((place) =>
      join(place, own),
    );
    return places
      .filter((place) => existsSync(place))
      .flatMap((place) => [
        place,
        ...readdirSync(place, { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map(({ name }) => join(place, name)),
      ]);
  }

  /** Removes every machine and image, ends the daemon, and asserts that nothing is left of it anywhere. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#child?.exitCode !== null || this.#child.signalCode !== null) await this.up();
      for (const { uuid } of await this.ok("GET", "/VirDomain")) {
        await this.act(uuid, "STOP");
        await this.done("DELETE", `/VirDomain/${uuid}`);
      }
      for (const kind of ["VirtualDisk", "ISO"])
        for (const { uuid } of await this.ok("GET", `/${kind}`))
          await this.done("DELETE", `/${kind}/${uuid}`);
      await this.stop("SIGTERM");
      assert.deepEqual(readdirSync(this.diskFolder), [], "files of disks");
      assert.deepEqual(await this.#leftInKernel(), []);
    } finally {
      await this.stop("SIGKILL");
      for (const pid of this.processes("")) process.kill(pid, "SIGKILL");
      this.#agent.destroy();
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  async #leftInKernel(): Promise<readonly string[]> {
    const name = instanceName(this.root);
    const [, number = ""] = /-([\da-f]{6})$/.exec(name) ?? [];
    const { stdout: tables } = await promisify(execFile)("nft", ["list", "tables"]);
    return [
      ...this.processes("").map((pid) => `process ${commandOf(String(pid)).replaceAll("\0", " ")}`),
      ...readdirSync("/sys/class/net").filter((link) => link.startsWith(`g${number}`)),
      ...this.cgroups().map((folder) => `cgroup ${folder}`),
      ...tables.split("\n").filter((line) => line.includes(name)),
    ];
  }
}

function newAgent(): https.Agent {
  return new https.Agent({ keepAlive: true, maxSockets: 8 });
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}
