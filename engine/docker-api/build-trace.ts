import { createHash } from "node:crypto";
import { statusResponse } from "#api/buildkit/control.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { messageOf } from "#base/fault.ts";
import type { Clock } from "#base/time.ts";
import type { Reporter } from "#engine/build/reporter.ts";

type Event = Partial<MessageOf<typeof statusResponse>>;
type Vertex = NonNullable<Event["vertexes"]>[number];

const stepTitle = /^Step (\d+\/\d+) : ([^]*)$/;
/** What only the classic builder says: of containers and images in between. */
const classicTalk = /^\n?( ---> |Removing intermediate container )/;
const stdout = 1;

/** A line of the answer to `POST /build?version=2`. @param status an encoded moby.buildkit.v1.StatusResponse */
export function traceLine(status: Uint8Array): object {
  return { id: "moby.buildkit.trace", aux: Buffer.from(status).toString("base64") };
}

/** The last line of such an answer. */
export function imageLine(id: string): object {
  return { id: "moby.image.id", aux: { ID: id } };
}

/** Tells of a build's steps as BuildKit does: every step is a vertex, and what it prints is that vertex's log. */
export class StepTrace implements Reporter {
  readonly #push: (line: object) => Promise<void>;
  readonly #now: Clock;
  #step: Vertex | undefined;

  constructor(push: (line: object) => Promise<void>, now: Clock) {
    this.#push = push;
    this.#now = now;
  }

  async text(text: string): Promise<void> {
    const [, number, instruction = ""] = stepTitle.exec(text) ?? [];
    if (number !== undefined) return await this.#begin(`[${number}] ${instruction}`);
    if (this.#step === undefined || text === "\n") return;
    if (text.includes(" ---> Using cache")) this.#step = { ...this.#step, cached: true };
    if (classicTalk.test(text)) return;
    const { digest = "" } = this.#step;
    await this.#tell({
      logs: [{ vertex: digest, timestamp: this.#time(), stream: stdout, msg: Buffer.from(text) }],
    });
  }

  /** The step under way is over, with an error or without. */
  async end(error?: unknown): Promise<void> {
    if (this.#step === undefined) return;
    const failure = error === undefined ? {} : { error: messageOf(error) };
    await this.#tell({ vertexes: [{ ...this.#step, completed: this.#time(), ...failure }] });
    this.#step = undefined;
  }

  async #begin(name: string): Promise<void> {
    await this.end();
    const digest = `sha256:${createHash("sha256").update(name).digest("hex")}`;
    this.#step = { digest, name, started: this.#time() };
    await this.#tell({ vertexes: [this.#step] });
  }

  #tell(event: Event): Promise<void> {
    return this.#push(traceLine(statusResponse.encode(event)));
  }

  #time() {
    const time = this.#now();
    return { seconds: Number(time / 1_000_000_000n), nanos: Number(time % 1_000_000_000n) };
  }
}
