import { Fault } from "#base/fault.ts";
import type { Clock } from "#base/time.ts";
import { Arrivals } from "./arrivals.ts";
import { Progress } from "./progress.ts";
import type { RpcStatus } from "#rpc/status.ts";
import type { Solved } from "./solved.ts";

const maxRefLength = 256;
const maxResults = 100;

/** What a client's gateway made of a build: a result of {@link Job.keep}, none, or a failure. */
export type Returned =
  | { readonly kind: "result"; readonly id: string }
  | { readonly kind: "failure"; readonly status: RpcStatus };

/** A result, there or to come, that goes with the last of the jobs that need it. */
export interface Held {
  readonly built: Promise<Solved>;
  users: number;
}

/** A build that a client asked for, by the reference that it chose. */
export class Job {
  readonly ref: string;
  readonly session: string;
  readonly entitlements: readonly string[];
  readonly progress: Progress;
  /** Why there can be one platform only; undefined where there can be several. */
  onePlatform: string | undefined;
  /** Aborted when the client gives up, or the job is over. */
  readonly signal: AbortSignal;
  readonly #results = new Map<string, Held>();
  readonly #stop = new AbortController();
  readonly #returned = Promise.withResolvers<Returned>();

  constructor(parts: {
    readonly ref: string;
    readonly session: string;
    readonly entitlements: readonly string[];
    readonly now: Clock;
    readonly signal: AbortSignal;
  }) {
    this.ref = parts.ref;
    this.session = parts.session;
    this.entitlements = parts.entitlements;
    this.progress = new Progress(parts.ref, parts.now);
    this.signal = AbortSignal.any([parts.signal, this.#stop.signal]);
  }

  /**
   * Holds a result that is there or to come for the length of the job, and returns the name that the client knows it by.
   *
   * @throws {Fault} `exhausted`
   */
  keep(built: Promise<Solved>): string {
    built.catch(() => {}); // whoever asks for it is told
    if (this.#results.size >= maxResults) throw new Fault("exhausted", "too many results in one build");
    const id = `${this.ref}-${this.#results.size}`;
    this.#results.set(id, { built, users: 1 });
    return id;
  }

  find(id: string): Promise<Solved> | undefined {
    return this.#results.get(id)?.built;
  }

  findHeld(id: string): Held | undefined {
    return this.#results.get(id);
  }

  /** Holds another job's result as well. */
  adopt(id: string, held: Held): Promise<Solved> {
    if (!this.#results.has(id)) {
      this.#results.set(id, held);
      held.users += 1;
    }
    return held.built;
  }

  return(returned: Returned): void {
    this.#returned.resolve(returned);
  }

  /** What the gateway says in the end. @throws when the client gives up */
  async returned(): Promise<Returned> {
    const { signal } = this;
    const give = Promise.withResolvers<never>();
    give.promise.catch(() => {});
    const stop = () => give.reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      return await Promise.race([this.#returned.promise, give.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Stops what is not done and lets everything go. */
  async end(): Promise<void> {
    this.#stop.abort();
    const held = [...this.#results.values()];
    this.#results.clear();
    for (const result of held) {
      result.users -= 1;
      if (result.users > 0) continue;
      const [built] = await Promise.allSettled([result.built]);
      if (built.status === "fulfilled") await built.value[Symbol.asyncDispose]();
    }
    this.progress.end();
  }
}

/** Builds that were over before anybody watched, kept for those who are on their way. */
const maxUnwatched = 16;

/** Builds under way. */
export class Jobs {
  readonly #jobs = new Arrivals<Job>();
  readonly #unwatched = new Map<string, Progress>();

  /** @throws {Fault} `conflict` when there is one with this reference */
  add(job: Job): void {
    const { ref } = job;
    if (ref === "" || ref.length > maxRefLength) throw new Fault("invalid", "a build needs a reference");
    if (this.#jobs.has(ref)) throw new Fault("conflict", `job ID ${ref} exists`);
    this.#jobs.add(ref, job);
  }

  /** A result of any of them: builds that wait for each other hand theirs on. */
  adopt(id: string, job: Job): Promise<Solved> | undefined {
    for (const other of this.#jobs.all()) {
      const found = other.findHeld(id);
      if (found !== undefined) return job.adopt(id, found);
    }
    return undefined;
  }

  /** Whether it goes on, or was over before anybody watched it. */
  isKnown(ref: string): boolean {
    return this.#jobs.has(ref) || this.#unwatched.has(ref);
  }

  async end(job: Job): Promise<void> {
    this.#jobs.delete(job.ref);
    if (!job.progress.isWatched) this.#unwatched.set(job.ref, job.progress);
    for (const ref of [...this.#unwatched.keys()].slice(0, -maxUnwatched)) this.#unwatched.delete(ref);
    await job.end();
  }

  /** What happens in a build, also in one that was over when its client came to watch. @throws {Fault} `not-found` */
  async watch(ref: string, signal: AbortSignal): Promise<Progress> {
    const over = this.#unwatched.get(ref);
    this.#unwatched.delete(ref);
    return over ?? (await this.get(ref, signal)).progress;
  }

  /** Waits for it a little: a client may watch before it asks. @throws {Fault} `not-found` */
  async get(ref: string, signal: AbortSignal): Promise<Job> {
    const absent = () => new Fault("not-found", `no such job ${ref.slice(0, maxRefLength)}`);
    return await this.#jobs.get(ref, absent, signal);
  }
}
