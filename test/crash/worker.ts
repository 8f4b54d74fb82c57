import type { EngineUnderTest } from "../support/engine.ts";
import { beliefOf, type Inspected, type Model } from "./model.ts";

/** One client that creates, starts, execs, stops and removes containers until told to stop, and keeps the model honest. */
export class Worker {
  readonly #engine: EngineUnderTest;
  readonly #model: Model;
  readonly #prefix: string;
  #serial = 0;
  #isStopped = false;
  /** Requests that were acknowledged. */
  acknowledged = 0;

  constructor(engine: EngineUnderTest, model: Model, prefix: string) {
    this.#engine = engine;
    this.#model = model;
    this.#prefix = prefix;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Resolves when stopped, or when the daemon has gone away. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#life(`${this.#prefix}${this.#serial++}`);
      } catch (error) {
        if (error instanceof Unexpected) throw error;
        return; // the connection broke: the daemon was killed
      }
    }
  }

  async #life(name: string): Promise<void> {
    const kind = this.#serial % 3;
    const command = kind === 0 ? ["sleep", "100000"] : ["sh", "-c", `echo out-${name}; exit ${kind + 2}`];
    this.#model.set(name, { is: "unsure", between: ["removed", "created"] });
    await this.#call("POST", `/containers/create?name=${name}`, [201], {
      Image: "test",
      Cmd: command,
      StopSignal: "SIGKILL",
    });
    this.#model.set(name, { is: "created" });

    this.#model.set(name, { is: "unsure", between: ["created", "running", "exited"] });
    await this.#call("POST", `/containers/${name}/start`, [204]);
    if (kind === 0) await this.#live(name);
    else {
      await this.#call("POST", `/containers/${name}/wait`, [200]);
      this.#model.set(name, { is: "exited", code: kind + 2, output: `out-${name}` });
    }
    if (this.#serial % 4 === 0) return; // some stay for the next daemon
    this.#model.set(name, { is: "unsure", between: ["running", "exited", "removed"] });
    await this.#call("DELETE", `/containers/${name}?force=1`, [204]);
    this.#model.set(name, { is: "removed" });
  }

  async #live(name: string): Promise<void> {
    this.#model.set(
      name,
      beliefOf((await this.#call("GET", `/containers/${name}/json`, [200])) as Inspected),
    );
    const exec = (await this.#call("POST", `/containers/${name}/exec`, [201], {
      Cmd: ["true"],
      AttachStdout: true,
    })) as {
      Id: string;
    };
    await this.#call("POST", `/exec/${exec.Id}/start`, [200], { Detach: false });
    if (this.#serial % 2 === 0) return;
    this.#model.set(name, { is: "unsure", between: ["running", "exited"] });
    await this.#call("POST", `/containers/${name}/stop`, [204]);
    this.#model.set(name, { is: "exited", code: 137, output: "" });
  }

  async #call(method: string, path: string, expected: readonly number[], body?: unknown): Promise<unknown> {
    const answer = await this.#engine.api(method, path, body);
    if (!expected.includes(answer.status))
      throw new Unexpected(`${method} ${path}: ${answer.status} ${answer.body}`);
    this.acknowledged++;
    return answer.json;
  }
}

/** An answer that the engine should not have given, whatever happened to it. */
export class Unexpected extends Error {
  override readonly name = "Unexpected";
}
