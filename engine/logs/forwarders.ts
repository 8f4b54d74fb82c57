import { setTimeout as delay } from "node:timers/promises";
import { Fault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { DriverHost } from "./drivers/driver.ts";
import { type OpenDriver, openDriver } from "./drivers/open-driver.ts";
import { Forwarder } from "./forwarder.ts";
import type { LogInfo } from "./log-info.ts";
import { isRemote, type LogConfig } from "./log-options.ts";

/** How long the removal of a container waits for what it wrote last: altogether, and without a batch being taken. */
const longestSettleMs = 60_000;
const longestStandstillMs = 5000;
const lookMs = 50;

/** A container's log as its forwarder needs to know it. */
export interface ForwardedLog {
  readonly config: LogConfig;
  readonly info: LogInfo;
  /** Of the log on disk, and of the position in it. */
  readonly path: string;
  readonly shippedPath: string;
}

/** Log drivers at work: one forwarder for each container whose driver sends records somewhere. */
export class Forwarders implements AsyncDisposable {
  readonly #forwarders = new Map<string, Forwarder>();
  readonly #host: DriverHost;
  readonly #log: Log;
  #isClosed = false;

  constructor(host: DriverHost, log: Log) {
    this.#host = host;
    this.#log = log;
  }

  /** Connects to a container's receiver, before it starts. @throws {Fault} `unavailable` with dockerd's texts */
  async open({ config: { Type: type }, info }: ForwardedLog, signal: AbortSignal): Promise<OpenDriver> {
    if (!isRemote(type)) throw new Fault("internal", `records of ${type} go nowhere`);
    return openDriver(type, info, this.#host, signal);
  }

  /** Sends what the container writes until it has ended; resolves then. One that is at it still ends first. */
  async follow(
    log: ForwardedLog,
    run: {
      readonly ended: Promise<void>;
      readonly onFile: (inode: string) => void;
      readonly opened: OpenDriver | undefined;
    },
  ): Promise<void> {
    const { Type: type } = log.config;
    const { containerId: id } = log.info;
    for (let before = this.#forwarders.get(id); before; before = this.#forwarders.get(id)) {
      await before.stop();
      if (this.#forwarders.get(id) === before) this.#forwarders.delete(id);
    }
    if (!isRemote(type) || this.#isClosed) return;
    const forwarder = new Forwarder({
      file: { path: log.path, ended: run.ended },
      shippedPath: log.shippedPath,
      open: (signal) => openDriver(type, log.info, this.#host, signal),
      opened: run.opened,
      onFile: run.onFile,
      log: this.#log.with({ container: id, driver: type }),
    });
    this.#forwarders.set(id, forwarder);
    await forwarder.done;
    if (this.#forwarders.get(id) === forwarder) this.#forwarders.delete(id);
  }

  /** Before a container's log is removed: waits for what is on its way, as long as its receiver takes it. */
  async settle(id: string): Promise<void> {
    const forwarder = this.#forwarders.get(id);
    if (forwarder === undefined) return;
    const giveUp = new AbortController();
    await Promise.race([forwarder.done, standstill(forwarder, giveUp.signal).catch(() => undefined)]);
    giveUp.abort();
    await forwarder.stop();
    this.#forwarders.delete(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#forwarders.values()].map((forwarder) => forwarder.stop()));
  }
}

/** Resolves when the receiver takes nothing, or takes too long. */
async function standstill(forwarder: Forwarder, signal: AbortSignal): Promise<void> {
  let { batches } = forwarder;
  let stillMs = 0;
  for (let waitedMs = 0; waitedMs < longestSettleMs && stillMs < longestStandstillMs; waitedMs += lookMs) {
    if (forwarder.isWaiting) return;
    await delay(lookMs, undefined, { signal });
    stillMs = forwarder.batches === batches ? stillMs + lookMs : 0;
    ({ batches } = forwarder);
  }
}
