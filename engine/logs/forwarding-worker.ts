import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "#base/fault.ts";
import type { Log, LogFields, LogLevel } from "#base/log.ts";
import type { DriverHost } from "./drivers/driver.ts";
import type { OpenDriver } from "./drivers/open-driver.ts";
import { type ForwardedLog, Forwarders } from "./forwarders.ts";

/** What the daemon's thread asks of this one. Those with a serial are answered, but for `cancel` and `drop`. */
export type ForwardingRequest =
  | { readonly do: "open"; readonly serial: number; readonly log: ForwardedLog }
  /** An `open` that nobody waits for any more. */
  | { readonly do: "cancel"; readonly serial: number }
  /** The driver of an `open` that is not followed after all. */
  | { readonly do: "drop"; readonly serial: number }
  | { readonly do: "follow"; readonly run: number; readonly log: ForwardedLog; readonly opened?: number }
  /** The container of a `follow` has written its last. */
  | { readonly do: "ended"; readonly run: number }
  | { readonly do: "settle"; readonly serial: number; readonly containerId: string }
  | { readonly do: "close"; readonly serial: number };

export type ForwardingReport =
  | { readonly is: "answer"; readonly serial: number; readonly error?: string }
  | { readonly is: "file"; readonly run: number; readonly inode: string }
  | { readonly is: "done"; readonly run: number }
  | { readonly is: "log"; readonly level: LogLevel; readonly message: string; readonly fields: LogFields };

/** The end of the daemon's {@link ForwardingThread} that does the work. */
class ForwardingWorker {
  readonly #post: (report: ForwardingReport) => void;
  readonly #forwarders: Forwarders;
  /** By serial: opens under way, and what they opened until somebody follows or drops it. */
  readonly #opening = new Map<number, AbortController>();
  readonly #opened = new Map<number, OpenDriver>();
  /** By run: tells that the container has ended. */
  readonly #ends = new Map<number, () => void>();

  constructor(host: DriverHost, post: (report: ForwardingReport) => void) {
    this.#post = post;
    this.#forwarders = new Forwarders(host, postedLog(post, {}));
  }

  async take(request: ForwardingRequest): Promise<void> {
    switch (request.do) {
      case "open":
        return this.#answer(request.serial, this.#open(request));
      case "cancel":
        return this.#opening.get(request.serial)?.abort();
      case "drop":
        return this.#claim(request.serial)?.driver[Symbol.asyncDispose]();
      case "follow":
        return this.#follow(request);
      case "ended":
        return this.#ends.get(request.run)?.();
      case "settle":
        return this.#answer(request.serial, this.#forwarders.settle(request.containerId));
      case "close":
        return this.#answer(request.serial, this.#forwarders[Symbol.asyncDispose]());
      default:
        request satisfies never;
    }
  }

  async #answer(serial: number, work: Promise<void>): Promise<void> {
    try {
      await work;
      this.#post({ is: "answer", serial });
    } catch (error) {
      this.#post({ is: "answer", serial, error: messageOf(error) });
    }
  }

  async #open({ serial, log }: ForwardingRequest & { readonly do: "open" }): Promise<void> {
    const cancelled = new AbortController();
    this.#opening.set(serial, cancelled);
    try {
      this.#opened.set(serial, await this.#forwarders.open(log, cancelled.signal));
    } finally {
      this.#opening.delete(serial);
    }
    if (cancelled.signal.aborted) await this.#claim(serial)?.driver[Symbol.asyncDispose]();
  }

  async #follow({ run, log, opened }: ForwardingRequest & { readonly do: "follow" }): Promise<void> {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    this.#ends.set(run, resolve);
    await this.#forwarders.follow(log, {
      ended,
      onFile: (inode) => this.#post({ is: "file", run, inode }),
      opened: opened === undefined ? undefined : this.#claim(opened),
    });
    this.#ends.delete(run);
    this.#post({ is: "done", run });
  }

  #claim(serial: number): OpenDriver | undefined {
    const opened = this.#opened.get(serial);
    this.#opened.delete(serial);
    return opened;
  }
}

/** Has the daemon's thread write the lines. */
function postedLog(post: (report: ForwardingReport) => void, fixed: LogFields): Log {
  const emit =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) =>
      post({ is: "log", level, message, fields: { ...fixed, ...fields } });
  return {
    debug: emit("debug"),
    info: emit("info"),
    warn: emit("warn"),
    error: emit("error"),
    with: (fields) => postedLog(post, { ...fixed, ...fields }),
  };
}

if (parentPort !== null) {
  const port = parentPort;
  const worker = new ForwardingWorker(workerData as DriverHost, (report) => port.postMessage(report));
  port.on("message", (request: ForwardingRequest) => void worker.take(request));
}
