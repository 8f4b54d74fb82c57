import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { httpsTransport, type HttpsTransport } from "#rpc/https-transport.ts";
import { checkout } from "./engine.ts";
import { kubectlPath, type KubectlVersion } from "./kubectl.ts";
import { ProgramLog } from "./program-log.ts";

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A real `gantry server` without a node, on a root folder and a port of its own. */
export class ClusterUnderTest implements AsyncDisposable {
  readonly root: string;
  readonly #folder: string;
  readonly #flags: readonly string[];
  readonly #log = new ProgramLog();
  #child: ChildProcess | undefined;
  #transport: HttpsTransport | undefined;
  port = 0;

  /** @param prepare what is to be in its root folder before */
  static async start(
    flags: readonly string[] = [],
    prepare: (root: string) => void = () => {},
  ): Promise<ClusterUnderTest> {
    const cluster = new ClusterUnderTest(mkdtempSync(join(tmpdir(), "gantry-kube-")), flags);
    try {
      prepare(cluster.root);
      await cluster.up();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  private constructor(folder: string, flags: readonly string[]) {
    this.#folder = folder;
    this.#flags = flags;
    this.root = join(folder, "root");
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get log(): string {
    return this.#log.text;
  }

  get kubeconfig(): string {
    return join(this.root, "kubeconfig");
  }

  /** Starts it, at the port it had before. */
  async up(): Promise<void> {
    const from = this.#log.text.length;
    const listen = ["--kube-listen", `127.0.0.1:${this.port}`];
    const flags = [
      "server",
      "--root",
      this.root,
      "--run",
      join(this.#folder, "run"),
      "--disable-agent",
      ...listen,
      ...this.#flags,
    ];
    const child = spawn(join(checkout, "bin/gantry"), flags, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    if (child.stderr !== null) this.#log.follow(child.stderr);
    const exited = once(child, "exit").then(() => {
      throw new Error(`the server ended: ${this.#log.text.slice(from)}`);
    });
    exited.catch(() => {});
    await Promise.race([this.#log.until(/the cluster is served.*\n/, from), exited]);
    const served = this.#log.text
      .slice(from)
      .split("\n")
      .find((line) => line.includes("the cluster is served"));
    this.port = (JSON.parse(served ?? "{}") as { readonly port: number }).port;
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  /** The administrator's way to the API. */
  get transport(): HttpsTransport {
    const config = readFileSync(this.kubeconfig, "utf8");
    const dataOf = (name: string) =>
      Buffer.from(new RegExp(`${name}: (\\S+)`).exec(config)?.[1] ?? "", "base64").toString();
    this.#transport ??= httpsTransport({
      host: "127.0.0.1",
      port: this.port,
      ca: dataOf("certificate-authority-data"),
      credentials: () => ({ cert: dataOf("client-certificate-data"), key: dataOf("client-key-data") }),
    });
    return this.#transport;
  }

  async kubectl(version: KubectlVersion, words: readonly string[], input = ""): Promise<Said> {
    const path = await kubectlPath(version);
    return await this.#run(path, words, input);
  }

  async run(program: string, words: readonly string[]): Promise<Said> {
    return await this.#run(program, words, "");
  }

  async #run(program: string, words: readonly string[], input: string): Promise<Said> {
    const env = { ...process.env, KUBECONFIG: this.kubeconfig, HOME: this.#folder };
    return await new Promise((resolve) => {
      const child = execFile(
        program,
        words,
        { env, timeout: 30_000, maxBuffer: 32 << 20 },
        (error, out, err) =>
          resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : 1, out, err }),
      );
      child.stdin?.end(input);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport?.[Symbol.asyncDispose]();
    await this.kill("SIGTERM");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
