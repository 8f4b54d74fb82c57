import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkout } from "./engine.ts";
import { ProgramLog } from "./program-log.ts";
import { freePort } from "./registry.ts";

/** `gantry registry` on a folder and a port of its own. */
export class OwnRegistry implements AsyncDisposable {
  readonly folder: string;
  readonly root: string;
  readonly port: number;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;
  readonly #log = new ProgramLog();

  /** @param root its root folder, where that matters */
  static async start(flags: readonly string[] = [], root?: string): Promise<OwnRegistry> {
    const registry = new OwnRegistry(await freePort(), flags, root);
    await registry.up();
    return registry;
  }

  private constructor(port: number, flags: readonly string[], root: string | undefined) {
    this.folder = mkdtempSync(join(tmpdir(), "gantry-registry-"));
    this.root = root ?? join(this.folder, "root");
    this.port = port;
    this.#flags = flags;
  }

  /** `localhost:PORT` */
  get host(): string {
    return `localhost:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get log(): string {
    return this.#log.text;
  }

  /** Waits until it has logged that. */
  untilLog(expected: RegExp): Promise<void> {
    return this.#log.until(expected);
  }

  async up(): Promise<void> {
    const address = `127.0.0.1:${this.port}`;
    const child = spawn(
      join(checkout, "bin/gantry"),
      ["registry", "--root", this.root, "--listen", address, ...this.#flags],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#child = child;
    this.#log.follow(child.stderr);
    while (!(await this.#isListening())) {
      if (child.exitCode !== null) throw new Error(`the registry ended at once:\n${this.#log.text}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Resolves to its exit code, null when a signal ended it. */
  async stop(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null)
      return child?.exitCode ?? null;
    const { promise, resolve } = Promise.withResolvers<number | null>();
    child.once("exit", resolve);
    child.kill(signal);
    return await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGTERM");
    for (const folder of [this.folder, this.root]) rmSync(folder, { recursive: true, force: true });
  }

  #isListening(): Promise<boolean> {
    return new Promise((resolve) => {
      const probe = connect(this.port, "127.0.0.1");
      probe.once("connect", () => {
        probe.destroy();
        resolve(true);
      });
      probe.once("error", () => resolve(false));
    });
  }
}
