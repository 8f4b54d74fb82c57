import { type ChildProcess, spawn } from "node:child_process";
import type { Log } from "#base/log.ts";

/** What somebody else took away: rules of our tables, or a bridge. */
export type KernelLoss = { readonly what: "table" } | { readonly what: "bridge"; readonly name: string };

/**
 * Hears from the kernel when others take away what is ours. It is a process that sleeps until then; without it nothing is
 * noticed, and nothing else is lost. It dies with the daemon.
 */
export class KernelWatch implements AsyncDisposable {
  readonly #binary: string;
  readonly #log: Log;
  readonly #onLoss: (loss: KernelLoss) => void;
  #process: ChildProcess | undefined;

  /** @param binary path of the native program */
  constructor(deps: {
    readonly binary: string;
    readonly log: Log;
    readonly onLoss: (loss: KernelLoss) => void;
  }) {
    this.#binary = deps.binary;
    this.#log = deps.log;
    this.#onLoss = deps.onLoss;
  }

  /** Begins, unless it has begun. Whatever happens after it resolves is heard of. */
  async begin(table: string): Promise<void> {
    if (this.#process !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const child = spawn(this.#binary, ["watch", table], { stdio: ["pipe", "pipe", "inherit"] });
    this.#process = child;
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [what, name = ""] = line.split(" ");
        if (what === "ready") resolve();
        else if (what === "table") this.#onLoss({ what });
        else if (what === "bridge") this.#onLoss({ what, name });
      }
    });
    child.stdin.on("error", () => {}); // it is dead: its end says so
    const end = (why: object) => {
      resolve();
      if (this.#process !== child) return;
      this.#process = undefined;
      this.#log.warn("nobody watches the rules of the network any more", { ...why });
    };
    child.once("error", (error) => end({ error }));
    child.once("exit", (code, signal) => end({ code, signal }));
    await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    child.once("exit", () => resolve());
    child.stdin?.end();
    await promise;
  }
}
