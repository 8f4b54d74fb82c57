import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { hasLink, removeLinks } from "#host/link/bridge.ts";

/** By then the kernel has removed almost every veth pair by itself. */
const SWEEP_DELAY_MS = 1000;

/**
 * Removes veth pairs that outlive their containers. The kernel does it with the network namespace, but a dead process's TCP
 * connections whose other end does not answer keep that alive for minutes, and with it an address that answers on the bridge.
 * Only looks, a second later, at those that were given up; touches none that is gone.
 */
export class VethSweeper implements Disposable {
  readonly #log: Log;
  #names: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** The container behind the host's end is dead. */
  giveUp(hostInterface: string): void {
    this.#names.push(hostInterface);
    this.#timer ??= setTimeout(() => void this.#sweep(), SWEEP_DELAY_MS).unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  async #sweep(): Promise<void> {
    this.#timer = undefined;
    const left = this.#names.splice(0).filter(hasLink);
    if (left.length === 0) return;
    try {
      await removeLinks(left);
    } catch (error) {
      this.#log.debug("veth pairs went away by themselves", { reason: messageOf(error) });
    }
  }
}
