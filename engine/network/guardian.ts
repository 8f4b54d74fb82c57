import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { hasBridge } from "#host/link/bridge.ts";
import type { KernelLoss } from "#host/nft/kernel-watch.ts";
import type { KernelRules } from "./kernel-rules.ts";
import type { LiveNetwork } from "./live-network.ts";
import type { NetworkTable } from "./network-table.ts";

/** Somebody who flushes again and again gets an answer, but not all of the machine. */
const REPAIR_PAUSE_MS = 500;

/** Puts back what others take away: rules and bridges that containers use. */
export class Guardian implements Disposable {
  readonly #table: NetworkTable;
  readonly #rules: KernelRules;
  readonly #repair: (network: LiveNetwork) => Promise<void>;
  readonly #log: Log;
  #losses: KernelLoss[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(deps: {
    readonly table: NetworkTable;
    readonly rules: KernelRules;
    readonly repair: (network: LiveNetwork) => Promise<void>;
    readonly log: Log;
  }) {
    this.#table = deps.table;
    this.#rules = deps.rules;
    this.#repair = deps.repair;
    this.#log = deps.log;
  }

  /** What is lost comes back half a second later, with everything else that was lost by then. */
  lost(loss: KernelLoss): void {
    if (this.#isClosed) return;
    this.#losses.push(loss);
    this.#timer ??= setTimeout(() => void this.#restore(), REPAIR_PAUSE_MS).unref();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #restore(): Promise<void> {
    this.#timer = undefined;
    const losses = this.#losses.splice(0);
    try {
      for (const name of new Set(losses.flatMap((loss) => (loss.what === "bridge" ? [loss.name] : []))))
        await this.#restoreBridge(name);
      if (losses.some(({ what }) => what === "table") && this.#rules.isWritten) {
        this.#log.warn("others changed the nftables tables of the network; they are written anew");
        await this.#rules.write();
      }
    } catch (error) {
      this.#log.error("what others changed in the network cannot be restored", { reason: messageOf(error) });
    }
  }

  async #restoreBridge(name: string): Promise<void> {
    const network = this.#table.live.find(({ record }) => record.bridge === name);
    if (network === undefined || network.isRemoved || network.attached.size === 0 || hasBridge(name)) return;
    this.#log.warn("others deleted a bridge that containers use; it is made anew", { bridge: name });
    await this.#repair(network);
  }
}
