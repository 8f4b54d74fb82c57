import { Readable } from "node:stream";
import type { EngineUnderTest } from "../support/engine.ts";
import { beliefOf, type Inspected, type Model } from "./model.ts";

/** From making to removing, or leaving for the next daemon. `round` counts how often the worker was here. */
export type Life = (worker: Worker, name: string, round: number) => Promise<void>;

/** One client that lives through one life after another until told to stop, and keeps the model honest. */
export class Worker {
  readonly #engine: EngineUnderTest;
  readonly #prefix: string;
  readonly #lives: readonly Life[];
  #serial: number;
  #isStopped = false;
  readonly model: Model;
  /** Requests that were acknowledged. */
  acknowledged = 0;
  onAcknowledged: () => void = () => {};

  /** @param first which life it begins with: workers of short lives would never come to the last ones */
  constructor(
    engine: EngineUnderTest,
    model: Model,
    lives: readonly Life[],
    { prefix, first }: { readonly prefix: string; readonly first: number },
  ) {
    this.#engine = engine;
    this.#lives = lives;
    this.model = model;
    this.#prefix = prefix;
    this.#serial = first;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Resolves when stopped, after so many lives, or when the daemon has gone away. */
  async run(most = Infinity): Promise<void> {
    for (let count = 0; count < most && !this.#isStopped; count++) {
      try {
        const serial = this.#serial++;
        const kinds = this.#lives.length;
        const life = this.#lives[serial % kinds] as Life;
        await life(this, `${this.#prefix}${serial}`, Math.floor(serial / kinds));
      } catch (error) {
        if (error instanceof Unexpected) throw error;
        return; // the connection broke: the daemon was killed
      }
    }
  }

  async call(method: string, path: string, expected: readonly number[], body?: unknown): Promise<unknown> {
    const answer = await this.#engine.api(method, path, body);
    if (!expected.includes(answer.status))
      throw new Unexpected(`${method} ${path}: ${answer.status} ${answer.body}`);
    this.#count();
    return answer.json;
  }

  #count(): void {
    this.acknowledged++;
    this.onAcknowledged();
  }

  /** Returns what the answer says. */
  async upload(path: string, body: Buffer): Promise<string> {
    const answer = await this.#engine.upload("POST", path, Readable.from([body]));
    if (answer.status !== 200) throw new Unexpected(`POST ${path}: ${answer.status} ${answer.body}`);
    this.#count();
    return answer.body;
  }

  /** Creates it and believes so. Returns its ID. */
  async create(name: string, body: object): Promise<string> {
    this.model.set(name, { is: "unsure", between: ["removed", "created"] });
    const { Id } = (await this.call("POST", `/containers/create?name=${name}`, [201], {
      Image: "test",
      StopSignal: "SIGKILL",
      ...body,
    })) as { Id: string };
    this.model.set(name, { is: "created" });
    return Id;
  }

  /** Of one that goes on running. */
  async start(name: string): Promise<void> {
    this.model.set(name, { is: "unsure", between: ["created", "running", "exited"] });
    await this.call("POST", `/containers/${name}/start`, [204]);
    await this.observe(name);
  }

  /** Believes what the engine says of it. */
  async observe(name: string): Promise<void> {
    const found = (await this.call("GET", `/containers/${name}/json`, [200])) as Inspected;
    this.model.set(name, beliefOf(found));
  }

  async remove(name: string): Promise<void> {
    this.model.set(name, {
      is: "unsure",
      between: ["created", "running", "exited", "restarting", "removed"],
    });
    await this.call("DELETE", `/containers/${name}?force=1`, [204]);
    this.model.set(name, { is: "removed" });
  }

  async exec(name: string, ...command: readonly string[]): Promise<void> {
    const { Id } = (await this.call("POST", `/containers/${name}/exec`, [201], {
      Cmd: command,
      AttachStdout: true,
    })) as { Id: string };
    await this.call("POST", `/exec/${Id}/start`, [200], { Detach: false });
  }
}

/** An answer that the engine should not have given, whatever happened to it. */
export class Unexpected extends Error {
  override readonly name = "Unexpected";
}
