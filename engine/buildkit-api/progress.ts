import { createHash } from "node:crypto";
import type { statusResponse, timestamp, vertexWarning } from "#api/buildkit/control.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { messageOf } from "#base/fault.ts";
import type { Clock } from "#base/time.ts";
import { BuildLog, mergedEvents } from "./build-log.ts";

type Response = MessageOf<typeof statusResponse>;
type Event = Partial<Response>;
type Warning = Partial<MessageOf<typeof vertexWarning>>;

/** Of one step's output; as BuildKit has it. */
const maxLogBytes = 2 << 20;
/** Output is put together to pieces of about this size while the client is slow. */
const pieceBytes = 32 << 10;

/** A step as the client shows it. */
export class Vertex {
  readonly #progress: Progress;
  readonly #digest: string;
  readonly #name: string;
  #started: bigint | undefined;
  #isCached = false;
  #isOver = false;
  #logged = 0;

  constructor(progress: Progress, digest: string, name: string) {
    this.#progress = progress;
    this.#digest = digest;
    this.#name = name;
  }

  start(): this {
    this.#started = this.#progress.now();
    this.#tell({});
    return this;
  }

  cached(): void {
    this.#isCached = true;
  }

  done(): void {
    this.#end("");
  }

  failed(error: unknown): void {
    const isAbort = error instanceof Error && error.name === "AbortError";
    this.#end(isAbort ? "context canceled" : messageOf(error));
  }

  /** Runs `work` as the step. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.start();
    try {
      const value = await work();
      this.done();
      return value;
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  /** A part of the step, such as a transfer, that counts bytes. */
  part(
    id: string,
    name: string = id,
  ): { readonly moved: (bytes: number, of?: number) => void; readonly done: () => void } {
    const started = this.#progress.now();
    let [current, total] = [0, 0];
    let told = started;
    const tell = (isDone: boolean) => {
      const now = this.#progress.now();
      told = now;
      const at = timeOf(now);
      const status = {
        id,
        vertex: this.#digest,
        name,
        current,
        total,
        timestamp: at,
        started: timeOf(started),
      };
      this.#progress.push({ statuses: [isDone ? { ...status, completed: at } : status] });
    };
    return {
      moved: (bytes, of = 0) => {
        [current, total] = [bytes, of];
        if (this.#progress.now() - told > 100_000_000n) tell(false);
      },
      done: () => tell(true),
    };
  }

  log(bytes: Buffer, stream: 1 | 2): void {
    if (this.#logged > maxLogBytes) return;
    this.#logged += bytes.length;
    this.#progress.log(this.#digest, stream, bytes);
    if (this.#logged > maxLogBytes)
      this.#progress.log(this.#digest, stream, Buffer.from(`\n[output clipped, log limit 2MiB reached]\n`));
  }

  /** Something to be put right, that does not end the build. */
  warn(warning: Omit<Warning, "vertex">): void {
    this.#progress.push({ warnings: [{ ...warning, vertex: this.#digest }] });
  }

  #end(error: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#started ??= this.#progress.now();
    this.#tell({ completed: timeOf(this.#progress.now()), error });
  }

  #tell(change: { readonly completed?: ReturnType<typeof timeOf>; readonly error?: string }): void {
    this.#progress.push({
      vertexes: [
        {
          digest: this.#digest,
          name: this.#name,
          cached: this.#isCached,
          ...(this.#started !== undefined && { started: timeOf(this.#started) }),
          ...change,
        },
      ],
    });
  }
}

const gatherMs = 20;

/** What happens in one build, for the one client that watches it. */
export class Progress {
  readonly now: Clock;
  /** All of it. */
  readonly told = new BuildLog();
  readonly #ref: string;
  #vertexes = 0;
  #steps = { cached: 0, total: 0, completed: 0 };
  #waiting: Event[] = [];
  #wake: (() => void) | undefined;
  #hurry: (() => void) | undefined;
  #isOver = false;
  #isWatched = false;

  constructor(ref: string, now: Clock) {
    this.#ref = ref;
    this.now = now;
  }

  /** Whether somebody has begun to. */
  get isWatched(): boolean {
    return this.#isWatched;
  }

  get counts(): Readonly<{ cached: number; total: number; completed: number }> {
    return this.#steps;
  }

  vertex(name: string): Vertex {
    const digest = createHash("sha256")
      .update(`${this.#ref} ${this.#vertexes++}`)
      .digest("hex");
    this.#steps.total += 1;
    return new Vertex(this, `sha256:${digest}`, name);
  }

  push(event: Event): void {
    this.told.take(event);
    this.#count(event);
    this.#add(event);
  }

  #count(event: Event): void {
    for (const { completed, error, cached } of event.vertexes ?? []) {
      if (completed === undefined) continue;
      if (error === "" || error === undefined) this.#steps.completed += 1;
      if (cached === true) this.#steps.cached += 1;
    }
  }

  #add(event: Event): void {
    this.#waiting.push(event);
    this.#wake?.();
  }

  log(vertex: string, stream: 1 | 2, bytes: Buffer): void {
    const piece = { logs: [{ vertex, timestamp: timeOf(this.now()), stream, msg: Buffer.from(bytes) }] };
    this.told.take(piece);
    const last = this.#waiting.at(-1)?.logs?.[0];
    const isSame = last?.vertex === vertex && last.stream === stream;
    if (isSame && (last.msg?.length ?? 0) < pieceBytes) {
      const msg = Buffer.concat([last.msg ?? Buffer.alloc(0), bytes]);
      this.#waiting[this.#waiting.length - 1] = { logs: [{ ...last, msg }] };
      return;
    }
    this.#add(piece);
  }

  end(): void {
    this.#isOver = true;
    this.#wake?.();
    this.#hurry?.();
  }

  /** A moment for what happens next to go out in one message; clients draw ten times a second. */
  async #gather(signal: AbortSignal): Promise<void> {
    if (this.#isOver) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const hurry = () => resolve();
    this.#hurry = hurry;
    const timer = setTimeout(hurry, gatherMs);
    signal.addEventListener("abort", hurry, { once: true });
    await promise;
    clearTimeout(timer);
    signal.removeEventListener("abort", hurry);
  }

  /** Everything from the beginning on, in pieces as the client can take them, until the build is over. */
  async *events(signal: AbortSignal): AsyncGenerator<Event> {
    this.#isWatched = true;
    const wake = () => this.#wake?.();
    signal.addEventListener("abort", wake);
    try {
      for (;;) {
        signal.throwIfAborted();
        const events = this.#waiting.splice(0);
        for (let at = 0; at < events.length; at += 64) yield mergedEvents(events.slice(at, at + 64));
        if (this.#isOver && this.#waiting.length === 0) return;
        if (events.length > 0) await this.#gather(signal);
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }
}

/** @param time nanoseconds since 1970 */
export function timeOf(time: bigint): MessageOf<typeof timestamp> {
  return { seconds: Number(time / 1_000_000_000n), nanos: Number(time % 1_000_000_000n) };
}
