import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { CLONE, unshare } from "#host/sys.ts";
import { makeArchive } from "./busybox-image.ts";
import type { Said } from "./cluster.ts";
import { checkout } from "./engine.ts";
import { kubectlPath } from "./kubectl.ts";
import { ProgramLog } from "./program-log.ts";

/** A network of its own, with /sys showing it and the machine's cgroups: the usual ports and addresses are free there. */
const enter = `
mount --make-rprivate /
d=$(mktemp -d); mount -t tmpfs none $d; mkdir $d/cgroup
mount --rbind /sys/fs/cgroup $d/cgroup; mount -t sysfs sysfs /sys; mount --rbind $d/cgroup /sys/fs/cgroup
umount -l $d; rmdir $d; ip link set lo up`;

/**
 * What a user has after `gantry up`: an engine and a cluster with one node, at the usual addresses of a network of this process's
 * own. Disposing of it is `gantry down`.
 */
export class MachineUnderTest implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "gantry-machine-"));
  readonly #kubectl: string;
  /** What `gantry up` said. */
  said: Said = { code: -1, out: "", err: "" };

  static async start(): Promise<MachineUnderTest> {
    const kubectl = await kubectlPath("1.35");
    unshare(CLONE.NEWNET | CLONE.NEWNS);
    execFileSync("sh", ["-ec", enter], { stdio: ["ignore", "ignore", "inherit"] });
    const machine = new MachineUnderTest(kubectl);
    try {
      machine.said = await machine.gantry("up", "--no-link");
      const archive = makeArchive(machine.#folder, "test:1", {});
      await machine.gantry("load", "-q", "-i", archive);
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
    return machine;
  }

  private constructor(kubectl: string) {
    this.#kubectl = kubectl;
  }

  get root(): string {
    return join(this.#folder, "root");
  }

  get run(): string {
    return join(this.#folder, "run");
  }

  gantry(...words: readonly string[]): Promise<Said> {
    return this.#run(join(checkout, "bin/gantry"), words, "");
  }

  /** With something on its standard input. */
  feed(input: string, ...words: readonly string[]): Promise<Said> {
    return this.#run(join(checkout, "bin/gantry"), words, input);
  }

  kubectl(...words: readonly string[]): Promise<Said> {
    return this.#run(this.#kubectl, words, "");
  }

  kubectlFeed(input: string, ...words: readonly string[]): Promise<Said> {
    return this.#run(this.#kubectl, words, input);
  }

  /** A command of gantry's that goes on. */
  follow(...words: readonly string[]): Followed {
    return new Followed(
      spawn(join(checkout, "bin/gantry"), words, { env: this.#env, stdio: ["ignore", "pipe", "inherit"] }),
    );
  }

  /** What a shell's words write, on the machine. */
  sh(script: string): string {
    return execFileSync("sh", ["-c", script], { encoding: "utf8" }).trim();
  }

  get #env(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      HOME: this.#folder,
      GANTRY_ROOT: this.root,
      GANTRY_RUN: this.run,
      KUBECONFIG: join(this.root, "kubeconfig"),
    };
  }

  #run(program: string, words: readonly string[], input: string): Promise<Said> {
    return new Promise((resolve) => {
      const options = { env: this.#env, timeout: 60_000, maxBuffer: 32 << 20 };
      const child = execFile(program, words, options, (error, out, err) =>
        resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : 1, out, err }),
      );
      child.stdin?.end(input);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gantry("down", "-t", "0");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A command under way. Disposing of it stops it. */
class Followed implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown[]>;
  readonly #log = new ProgramLog();

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, "exit");
    if (child.stdout !== null) this.#log.follow(child.stdout);
  }

  /** What it has written, when the pattern is in it. */
  async until(pattern: RegExp): Promise<string> {
    const ended = this.#exited.then(() => Promise.reject(new Error(`it ended: ${this.#log.text}`)));
    ended.catch(() => {});
    await Promise.race([this.#log.until(pattern), ended]);
    return this.#log.text;
  }

  /** As Ctrl-C does; resolves to its exit code. */
  async stop(): Promise<unknown> {
    this.#child.kill("SIGINT");
    return (await this.#exited)[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
