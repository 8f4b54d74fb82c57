import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { ForwardedRecord } from "./drivers/driver.ts";
import type { OpenDriver } from "./drivers/open-driver.ts";
import { followRecords } from "./json-file.ts";
import type { LogFile } from "./log-query.ts";
import { PartialLines } from "./partial-lines.ts";
import { readShipped, ShippedFile } from "./shipped-file.ts";

const firstPauseMs = 100;
const longestPauseMs = 10_000;
/** What is on its way when the daemon ends may arrive within this. */
const lastSendMs = 1000;

export interface ForwarderOptions {
  readonly file: LogFile;
  /** Where the position is kept. */
  readonly shippedPath: string;
  open(signal: AbortSignal): Promise<OpenDriver>;
  /** From a start that has connected already. */
  readonly opened: OpenDriver | undefined;
  /** Everything before the file with this inode was sent. */
  readonly onFile: (inode: string) => void;
  readonly log: Log;
}

/**
 * Sends what one container writes to its log driver's receiver, from its log on disk: in order, again until it is taken, and after
 * a daemon that was killed on from where that was, where at most one batch is sent twice. Never fails and holds nobody up.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #stop = new AbortController();
  readonly #cut = new AbortController();
  #opened: OpenDriver | undefined;
  #isWaiting = false;
  #batches = 0;

  /** Settles when the container has ended and all of its log is sent, or after {@link Forwarder.stop}. */
  readonly done: Promise<void>;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#opened = options.opened;
    this.done = this.#run();
  }

  /** The receiver does not take anything at present. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** How many batches were taken by the receiver. */
  get batches(): number {
    return this.#batches;
  }

  /** What is being sent may arrive within a second; the rest is for the next forwarder. */
  async stop(): Promise<void> {
    this.#stop.abort();
    const timer = setTimeout(() => this.#cut.abort(), lastSendMs);
    await this.done;
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    try {
      await this.#forward();
    } catch (error) {
      if (!this.#stop.signal.aborted)
        this.#options.log.error("log is not sent any more", { error: messageOf(error) });
    } finally {
      await this.#opened?.driver[Symbol.asyncDispose]();
    }
  }

  async #forward(): Promise<void> {
    const { file, shippedPath, onFile } = this.#options;
    const from = readShipped(shippedPath);
    const lines = new PartialLines();
    await using shipped = await ShippedFile.open(shippedPath);
    let inode = from?.inode ?? "";
    // A daemon that was killed may not have told it, and the container waits for that.
    if (from !== undefined) onFile(inode);
    for await (const { records, position } of followRecords(file, from, this.#stop.signal)) {
      await this.#deliver(records.map((record) => lines.convert(record)));
      await shipped.save(position);
      this.#batches++;
      if (position.inode !== inode) onFile(position.inode);
      inode = position.inode;
      if (this.#stop.signal.aborted) return;
    }
  }

  async #deliver(records: readonly ForwardedRecord[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        this.#opened ??= await this.#options.open(this.#cut.signal);
        await this.#opened.driver.send(records, this.#cut.signal);
        this.#recovered();
        return;
      } catch (error) {
        this.#cut.signal.throwIfAborted();
        this.#failed(error);
        const { maxRetries = Number.POSITIVE_INFINITY, waitMs } = this.#opened?.retries ?? {};
        if (attempt >= maxRetries) return this.#giveUp(records.length);
        const pauseMs = waitMs ?? Math.min(firstPauseMs * 2 ** attempt, longestPauseMs);
        await delay(pauseMs, undefined, { signal: this.#stop.signal });
      }
    }
  }

  /** Told once, not with every attempt. */
  #failed(error: unknown): void {
    if (!this.#isWaiting)
      this.#options.log.warn("log waits: its receiver takes nothing", { error: messageOf(error) });
    this.#isWaiting = true;
  }

  #recovered(): void {
    if (this.#isWaiting) this.#options.log.info("log is sent again");
    this.#isWaiting = false;
  }

  #giveUp(records: number): void {
    this.#options.log.warn("records were given up after as many attempts as the options say", { records });
  }
}
