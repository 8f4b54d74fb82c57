import { Fault } from "#base/fault.ts";
import type { Arrival } from "#engine/content/arrival.ts";
import type { Arriving, ResidentJob, RootedReply } from "./rooted/jobs.ts";
import { spawnWorker } from "./spawn-worker.ts";

const idleMs = 5000;

/**
 * Processes that work on layers, locked into one after the other, for who makes many: starting one costs ten times as much as a
 * small layer. One that fails, or whose job is aborted, ends; so does one that nobody wants for five seconds.
 */
export class ResidentWorkers implements Disposable {
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();
  #isClosed = false;

  /** @throws {Fault} as the job does */
  async run<Result>(job: ResidentJob, signal: AbortSignal, talk: Talk = {}): Promise<Result> {
    signal.throwIfAborted();
    if (this.#isClosed) throw new Fault("unavailable", "the engine is stopping");
    const worker = this.#idle.pop() ?? this.#start();
    const result = await worker.run(job, signal, talk);
    if (this.#isClosed) worker.end();
    else {
      this.#idle.push(worker);
      worker.endAfter(idleMs);
    }
    return result as Result;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const worker of this.#all) worker.end();
  }

  #start(): Worker {
    const worker = new Worker(() => {
      this.#all.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    this.#all.add(worker);
    return worker;
  }
}

/** What a job may have to say and to be told while it is done. */
export interface Talk {
  readonly answer?: (head: unknown) => Promise<unknown>;
  /** A blob that is still coming; where it is then. */
  readonly arriving?: Omit<Arriving, "job" | "size"> & { readonly arrival: Arrival };
}

interface Under {
  readonly talk: Talk;
  readonly job: ResidentJob;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal;
}

class Worker {
  readonly #child = spawnWorker(
    { replied: (reply) => this.#take(reply), failed: (reason) => this.#fail(reason) },
    ["resident"],
  );
  #under: Under | undefined;
  #timer: NodeJS.Timeout | undefined;
  #jobs = 0;
  readonly #gone: () => void;

  /** `gone` is called when it has ended, or takes no more jobs. */
  constructor(gone: () => void) {
    this.#gone = gone;
    this.#child.stdout.resume();
    this.#child.once("close", (code, name) => {
      gone();
      clearTimeout(this.#timer);
      this.#fail(this.#child.reasonOf(name ?? code, this.#under?.job, this.#under?.signal));
    });
  }

  async run(job: ResidentJob, signal: AbortSignal, talk: Talk): Promise<unknown> {
    clearTimeout(this.#timer);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#under = { job, resolve, reject, signal, talk };
    signal.addEventListener("abort", this.#kill, { once: true });
    using _ = this.#give(job, talk);
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", this.#kill);
    }
  }

  #give(given: ResidentJob, { arriving }: Talk): Disposable | undefined {
    const { control, stdin } = this.#child;
    const number = ++this.#jobs;
    const arrival = arriving?.arrival;
    const coming = arriving && {
      arriving: { path: arriving.path, size: arriving.arrival.size, job: number },
    };
    control.write(`${JSON.stringify({ ...given, ...coming })}\n`);
    const grown = (bytes: number) => void stdin.write(`${number} ${bytes}\n`);
    return arrival?.follow({ grown, restarted: this.#kill });
  }

  readonly #kill = () => void this.#child.kill("SIGKILL");

  end(): void {
    this.#gone();
    this.#child.control.end();
    this.#child.stdin.end();
  }

  endAfter(milliseconds: number): void {
    this.#timer = setTimeout(() => this.end(), milliseconds).unref();
  }

  #take(reply: RootedReply): void {
    if ("head" in reply) this.#answer(reply.head);
    else if ("done" in reply) this.#settle()?.resolve(reply.done);
    else if ("fault" in reply) this.#fail(new Fault(reply.fault.kind, reply.fault.message));
  }

  #answer(head: unknown): void {
    this.#under?.talk
      .answer?.(head)
      .then((answer) => this.#child.control.write(`${JSON.stringify(answer)}\n`))
      .catch(this.#kill);
  }

  #fail(error: unknown): void {
    this.#settle()?.reject(error);
  }

  #settle(): Under | undefined {
    const under = this.#under;
    this.#under = undefined;
    return under;
  }
}
