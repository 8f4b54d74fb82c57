import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { instanceName } from "#base/instance-name.ts";
import { kernelNames } from "#engine/network/kernel-names.ts";
import { assertNoLeaks, type InstancePlaces, networkLinks } from "../../tools/leaks.ts";
import { ProgramLog } from "./program-log.ts";

export const checkout = join(import.meta.dirname, "../..");
const run = promisify(execFile);

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
  // biome-ignore lint: tests look into answers of every shape
  readonly json: unknown;
}

/** How many there are: links of networks do not say whose they are. */
let engineCount = 0;

/** A real engine on a root and run folder of its own, driven through its socket. */
export class EngineUnderTest implements AsyncDisposable {
  readonly root: string;
  readonly run: string;
  readonly bridgeCidr: string;
  readonly #program: string;
  readonly #flags: readonly string[];
  readonly #foreignLinks: ReadonlySet<string> = new Set(networkLinks());
  #child: ChildProcess | undefined;
  readonly #log = new ProgramLog();

  /**
   * @param root its root folder, where that matters; must not exist yet
   * @param flags more of them for `gantry engine`
   * @param program what starts it, where that is not this checkout's
   */
  static async start(
    bridgeCidr = "10.213.0.1/16",
    root?: string,
    flags: readonly string[] = [],
    program = join(checkout, "bin/gantry"),
  ): Promise<EngineUnderTest> {
    const folder = mkdtempSync(join(tmpdir(), "gantry-test-"));
    const engine = new EngineUnderTest(folder, root ?? join(folder, "root"), bridgeCidr, [program, ...flags]);
    try {
      await engine.up();
    } catch (error) {
      for (const each of [engine.root, folder]) rmSync(each, { recursive: true, force: true });
      throw error;
    }
    return engine;
  }

  private constructor(folder: string, root: string, bridgeCidr: string, command: readonly string[]) {
    [this.#program = "", ...this.#flags] = command;
    this.root = root;
    this.run = join(folder, "run");
    engineCount++;
    this.bridgeCidr = bridgeCidr;
  }

  get socket(): string {
    return join(this.run, "docker.sock");
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isUp(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** What the daemon has logged so far, of all its lives. */
  get log(): string {
    return this.#log.text;
  }

  /** Waits until it has logged that, after the first `from` characters of the log. */
  untilLog(expected: RegExp, from = 0): Promise<void> {
    return this.#log.until(expected, from);
  }

  /** Starts the daemon, with other flags than before where they are given; resolves with the milliseconds until its first answer. */
  async up(flags = this.#flags): Promise<number> {
    const begin = performance.now();
    const child = spawn(
      this.#program,
      ["engine", "--root", this.root, "--run", this.run, "--bridge-cidr", this.bridgeCidr, ...flags],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#child = child;
    this.#log.follow(child.stderr);
    while (!(await this.#answers())) {
      if (child.exitCode !== null) throw new Error(`the engine ended at once:\n${this.#log.text}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return performance.now() - begin;
  }

  async #answers(): Promise<boolean> {
    try {
      return (await this.api("GET", "/_ping")).status === 200;
    } catch {
      return false;
    }
  }

  /** Ends the daemon the hard way, or politely; containers go on. */
  async stop(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /** One request on a connection of its own. */
  api(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<ApiAnswer>();
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      text === undefined
        ? {}
        : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) };
    const request = http.request(
      { socketPath: this.socket, method, path, agent: false, headers },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const content = Buffer.concat(chunks).toString();
          resolve({ status: answer.statusCode ?? 0, body: content, json: parseJson(content) });
        });
      },
    );
    request.on("error", reject);
    request.end(text);
    return promise;
  }

  /** Streams a body in, e.g. an archive to load. */
  upload(method: string, path: string, body: Readable): Promise<ApiAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<ApiAnswer>();
    const request = http.request(
      {
        socketPath: this.socket,
        method,
        path,
        agent: false,
        headers: { "Content-Type": "application/x-tar" },
      },
      (answer) => {
        let content = "";
        answer.on("data", (chunk: Buffer) => {
          content += chunk.toString();
        });
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, body: content, json: parseJson(content) }),
        );
      },
    );
    request.on("error", reject);
    body.pipe(request);
    return promise;
  }

  /** Opens a stream that does not end by itself; tells when its first bytes have come, and when it is closed. */
  stream(
    path: string,
    signal: AbortSignal,
  ): { readonly first: Promise<void>; readonly closed: Promise<void> } {
    const first = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const request = http.request({ socketPath: this.socket, path, agent: false, signal }, (answer) => {
      answer.once("data", () => first.resolve());
      answer.on("error", () => {});
    });
    request.on("error", () => {});
    request.once("close", () => closed.resolve());
    request.end();
    return { first: first.promise, closed: closed.promise };
  }

  /** The real docker CLI against this engine. Never throws for its exit code. */
  async docker(
    ...args: string[]
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    const env = {
      ...process.env,
      DOCKER_HOST: `unix://${this.socket}`,
      DOCKER_CLI_HINTS: "0",
      DOCKER_CONFIG: "/nonexistent",
    };
    try {
      const { stdout, stderr } = await run("docker", args, { env, maxBuffer: 1 << 26 });
      return { code: 0, stdout, stderr };
    } catch (error) {
      const failed = error as { code?: number | string; stdout?: string; stderr?: string };
      if (typeof failed.code !== "number") throw error;
      return { code: failed.code, stdout: failed.stdout ?? "", stderr: failed.stderr ?? "" };
    }
  }

  /** The real docker CLI, which has to succeed; resolves to its output without blanks around it. */
  async dockerOk(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.docker(...args);
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: exit code ${code}: ${stderr}`);
    return stdout.trim();
  }

  /** What this instance has in the kernel is called so. */
  get places(): InstancePlaces {
    return this.#placesOf(instanceName(this.root));
  }

  /** The same of its pods. */
  get podPlaces(): InstancePlaces {
    return this.#placesOf(instanceName(join(this.root, "cri")));
  }

  #placesOf(name: string): InstancePlaces {
    const { defaultBridge, table, vethPrefix } = kernelNames(name);
    return {
      root: this.root,
      run: this.run,
      bridge: defaultBridge,
      nftTable: table,
      vethPrefix,
      cgroup: name,
      ...(engineCount <= 1 && { foreignLinks: this.#foreignLinks }),
    };
  }

  /** Removes every container, ends the daemon, deletes its folders, and asserts that nothing is left of the instance anywhere. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isUp) {
      const { json } = await this.api("GET", "/containers/json?all=1");
      for (const { Id } of json as { Id: string }[])
        await this.api("DELETE", `/containers/${Id}?force=1&v=1`);
    }
    await this.stop("SIGTERM");
    const hadPods = existsSync(join(this.root, "cri"));
    for (const folder of [this.root, join(this.run, "..")]) rmSync(folder, { recursive: true, force: true });
    await assertNoLeaks([], this.places);
    if (hadPods) await assertNoLeaks([], this.podPlaces);
    engineCount--;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
