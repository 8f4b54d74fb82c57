import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault, type FaultKind } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { NftProcess, nftEnvironment } from "./nft-process.ts";

interface Job {
  readonly kind: "commands" | "file";
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: Fault) => void;
}

/**
 * Changes to nftables by one long-lived process: 0.3 ms each, where a process for each costs 10 to 20. They take effect in the
 * order asked for. The process starts with the first change and again after it died; it dies with the daemon.
 */
export class NftShell implements AsyncDisposable {
  readonly #folder: string;
  readonly #log: Log;
  readonly #binary: string;
  #queue: Job[] = [];
  #process: NftProcess | undefined;
  #working: Promise<void> | undefined;
  #isClosed = false;

  /** `folder` takes the text of an {@link applyFile} while nft reads it. */
  constructor(options: { readonly folder: string; readonly log: Log; readonly binary?: string }) {
    this.#folder = options.folder;
    this.#log = options.log;
    this.#binary = options.binary ?? "nft";
  }

  /**
   * Applies the commands, separated by `;` and on one line, all or none. Those asked for while others are under way travel
   * together; if they fail together they are tried one by one, so nobody sees another's error.
   *
   * @throws {Fault} `not-found` and `already-exists` when nft says so of any object, `invalid` for its other errors,
   * `unavailable` when the process died and the outcome is unknown
   */
  run(commands: string): Promise<void> {
    if (commands.includes("\n"))
      return Promise.reject(new Fault("internal", "nft commands of several lines"));
    return this.#enqueue("commands", commands);
  }

  /**
   * Applies a whole ruleset, all or none, by a process of its own, whose memory is given back. In order with {@link run}.
   *
   * @throws {Fault} as {@link run}
   */
  applyFile(text: string): Promise<void> {
    return this.#enqueue("file", text);
  }

  /** Finishes what was asked for, then ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#working;
    await this.#process?.end();
  }

  #enqueue(kind: Job["kind"], text: string): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Fault("unavailable", "nft is shut down"));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#queue.push({ kind, text, resolve, reject });
    this.#working ??= this.#work();
    return promise;
  }

  async #work(): Promise<void> {
    await Promise.resolve(); // whatever the same turn asks for joins the first batch
    while (this.#queue.length > 0) {
      const batch = this.#nextBatch();
      if (batch.length > 1 && (await this.#tryTogether(batch))) continue;
      for (const job of batch) await this.#doOne(job);
    }
    this.#working = undefined;
  }

  #nextBatch(): readonly Job[] {
    const file = this.#queue.findIndex((job) => job.kind === "file");
    return this.#queue.splice(0, file === -1 ? this.#queue.length : Math.max(file, 1));
  }

  async #tryTogether(batch: readonly Job[]): Promise<boolean> {
    try {
      await this.#send(batch.map((job) => job.text).join("; "));
    } catch {
      return false;
    }
    for (const job of batch) job.resolve();
    return true;
  }

  async #doOne(job: Job): Promise<void> {
    try {
      await (job.kind === "file" ? this.#runFile(job.text) : this.#send(job.text));
      job.resolve();
    } catch (error) {
      const isKnown = error instanceof Fault;
      job.reject(isKnown ? error : new Fault("unavailable", "nft cannot be run", { cause: error }));
    }
  }

  async #send(commands: string): Promise<void> {
    if (this.#process === undefined || this.#process.isDead) this.#process = this.#start();
    const complaint = await this.#process.ask(commands);
    if (complaint === undefined) throw new Fault("unavailable", "nft died");
    if (complaint !== "") throw faultOf(complaint);
  }

  #start(): NftProcess {
    return new NftProcess(this.#binary, (why) => {
      if (!this.#isClosed) this.#log.warn("nft died", why);
    });
  }

  async #runFile(text: string): Promise<void> {
    const file = join(this.#folder, `ruleset-${randomUUID()}.nft`);
    try {
      await writeFile(file, text, { mode: 0o600 });
      await runNft(this.#binary, file);
    } finally {
      await rm(file, { force: true });
    }
  }
}

async function runNft(binary: string, file: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(binary, ["-f", file], { stdio: ["ignore", "ignore", "pipe"], env: nftEnvironment });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  child.once("error", reject);
  child.once("close", (code) => {
    if (code === 0) resolve();
    else reject(code === null ? new Fault("unavailable", "nft died") : faultOf(complaint));
  });
  await promise;
}

function faultOf(complaint: string): Fault {
  const reason = /Error: (.*)/.exec(complaint)?.[1] ?? complaint;
  return new Fault(kindOf(complaint), `nft: ${reason.slice(0, 200)}`);
}

function kindOf(complaint: string): FaultKind {
  if (complaint.includes("No such file or directory")) return "not-found";
  return complaint.includes("File exists") ? "already-exists" : "invalid";
}
