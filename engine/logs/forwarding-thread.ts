import { Worker } from "node:worker_threads";
import { Fault, messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { DriverHost } from "./drivers/driver.ts";
import type { ForwardedLog } from "./forwarders.ts";
import type { ForwardingReport, ForwardingRequest } from "./forwarding-worker.ts";
import { checkLogStart, isRemote } from "./log-options.ts";
import { isAllShipped, readShipped } from "./shipped-file.ts";

const MEMORY_MAX_MB = 128;
/** In the daemon's life. A thread that keeps failing is a fault to be seen, not to be hidden. */
const RESTARTS_MAX = 10;

/** A connection to a container's receiver, made before the container starts. Disposing of it closes it unless it is followed. */
export interface OpenedLog extends AsyncDisposable {
  readonly serial: number;
}

/** One life of a container, whose log is sent on. */
interface Run {
  readonly log: ForwardedLog;
  readonly onFile: (inode: string) => void;
  hasEnded: boolean;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Fault) => void;
}

/**
 * The thread in which log drivers work, so that a flood of records holds up nobody who asks the daemon something. It starts with
 * the first container that has one, because it costs some megabytes. When it is lost, the next one goes on from the positions on
 * disk.
 */
export class ForwardingThread implements AsyncDisposable {
  readonly #host: DriverHost;
  readonly #log: Log;
  readonly #runs = new Map<number, Run>();
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  /** Of requests and runs. */
  #serial = 0;
  #restarts = 0;
  #isClosed = false;

  constructor(host: DriverHost, log: Log) {
    this.#host = host;
    this.#log = log;
  }

  /**
   * Checks a container's log options and connects to its receiver, before it starts; undefined when it needs none.
   *
   * @throws {Fault} `internal` with dockerd's text
   */
  async open(log: ForwardedLog, signal: AbortSignal): Promise<OpenedLog | undefined> {
    try {
      checkLogStart(log.config, log.info);
      return isRemote(log.config.Type) ? await this.#open(log, signal) : undefined;
    } catch (error) {
      signal.throwIfAborted();
      const why = `failed to initialize logging driver: ${messageOf(error)}`;
      throw new Fault("internal", `failed to create task for container: ${why}`);
    }
  }

  /** Sends from now on what the container writes, until it has ended. Its life before, if it is still at that, ends first. */
  follow(
    log: ForwardedLog,
    life: {
      readonly ended: Promise<void>;
      /** Everything before the file with this inode was sent. */
      readonly onFile: (inode: string) => void;
      readonly opened: OpenedLog | undefined;
    },
  ): void {
    if (!isRemote(log.config.Type) || this.#isClosed) return;
    const number = ++this.#serial;
    const run: Run = { log, onFile: life.onFile, hasEnded: false };
    this.#runs.set(number, run);
    this.#post({ do: "follow", run: number, log, ...(life.opened && { opened: life.opened.serial }) });
    void life.ended.then(() => {
      run.hasEnded = true;
      if (this.#runs.has(number)) this.#post({ do: "ended", run: number });
    });
  }

  /** Sends what an earlier daemon left of a container that does not run any more. */
  resume(log: ForwardedLog): void {
    if (!isRemote(log.config.Type) || isAllShipped(log.path, readShipped(log.shippedPath))) return;
    this.follow(log, { ended: Promise.resolve(), onFile: () => {}, opened: undefined });
  }

  /** Before a container's log is removed: waits for what is on its way, as long as its receiver takes it. */
  async settle(containerId: string): Promise<void> {
    if (!this.#runs.values().some(({ log }) => log.info.containerId === containerId)) return;
    // A thread that is lost meanwhile has nothing on its way any more.
    await this.#request({ do: "settle", serial: ++this.#serial, containerId }).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#worker !== undefined && this.#runs.size > 0)
      await this.#request({ do: "close", serial: ++this.#serial }).catch(() => undefined);
    this.#isClosed = true;
    await this.#worker?.terminate();
  }

  async #open(log: ForwardedLog, signal: AbortSignal): Promise<OpenedLog> {
    signal.throwIfAborted();
    const serial = ++this.#serial;
    const opened = this.#request({ do: "open", serial, log });
    const cancel = () => this.#post({ do: "cancel", serial });
    signal.addEventListener("abort", cancel, { once: true });
    try {
      await opened;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
    return { serial, [Symbol.asyncDispose]: async () => this.#post({ do: "drop", serial }) };
  }

  #request(request: ForwardingRequest & { readonly serial: number }): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Fault("unavailable", "log drivers are shut down"));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.set(request.serial, { resolve, reject });
    this.#post(request);
    this.#worker?.ref();
    return promise;
  }

  #post(request: ForwardingRequest): void {
    if (this.#isClosed) return;
    this.#worker ??= this.#start();
    this.#worker.postMessage(request);
  }

  #start(): Worker {
    const worker = new Worker(new URL("./forwarding-worker.ts", import.meta.url), {
      name: "gantry-logs",
      workerData: this.#host,
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MAX_MB },
    });
    worker.unref();
    worker.on("message", (report: ForwardingReport) => this.#take(report));
    worker.on("error", (error) => this.#log.error("thread of the log drivers failed", { error }));
    worker.on("exit", () => this.#ended(worker));
    return worker;
  }

  #take(report: ForwardingReport): void {
    switch (report.is) {
      case "answer":
        return this.#settle(report.serial, report.error);
      case "file":
        return this.#runs.get(report.run)?.onFile(report.inode);
      case "done":
        return void this.#runs.delete(report.run);
      case "log":
        return this.#log[report.level](report.message, report.fields);
      default:
        report satisfies never;
    }
  }

  #settle(serial: number, error: string | undefined): void {
    const waiting = this.#waiting.get(serial);
    this.#waiting.delete(serial);
    if (this.#waiting.size === 0) this.#worker?.unref();
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(new Fault("unavailable", error));
  }

  #ended(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values())
      reject(new Fault("unavailable", "the thread of the log drivers was lost; try again"));
    this.#waiting.clear();
    if (this.#isClosed || this.#restarts++ >= RESTARTS_MAX) return;
    for (const [run, { log, hasEnded }] of this.#runs) {
      this.#post({ do: "follow", run, log });
      if (hasEnded) this.#post({ do: "ended", run });
    }
  }
}
