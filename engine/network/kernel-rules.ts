import { isFault, messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { enableForwarding, enableForwarding6, keepLocal6 } from "#host/link/bridge.ts";
import type { NftShell } from "#host/nft/nft-shell.ts";
import type { NetworkTable } from "./network-table.ts";
import type { LiveNetwork } from "./live-network.ts";
import {
  type Forwards,
  needsSix,
  planForwardChange,
  planNetworkChange,
  planRuleset,
  type RulesetStyle,
  standIn,
} from "./ruleset.ts";

/**
 * The instance's nftables table. Changes are single elements; when one does not go through, because somebody flushed the table
 * or nft died half-way, the whole table is written anew from what the networks are, so a change that resolves is there.
 */
export class KernelRules {
  readonly #nft: NftShell;
  readonly #table: string;
  readonly #networks: NetworkTable;
  readonly #style: RulesetStyle | undefined;
  readonly #log: Log;
  readonly #beforeFirst: () => Promise<void>;
  #first: Promise<void> | undefined;
  /** Whether there is a table of IPv6. */
  #hasSix = false;

  constructor(deps: {
    readonly nft: NftShell;
    readonly table: string;
    readonly networks: NetworkTable;
    /** By default Docker's. */
    readonly style?: RulesetStyle;
    readonly log: Log;
    /** Done before there are rules that somebody could take away. */
    readonly beforeFirst?: () => Promise<void>;
  }) {
    this.#nft = deps.nft;
    this.#table = deps.table;
    this.#networks = deps.networks;
    this.#style = deps.style;
    this.#log = deps.log;
    this.#beforeFirst = deps.beforeFirst ?? (async () => {});
  }

  /** Whether the table is this daemon's, written at least once. */
  get isWritten(): boolean {
    return this.#first !== undefined;
  }

  /** The rules are there when it resolves; does nothing when they were written before. */
  ensure(): Promise<void> {
    this.#first ??= this.write().catch((error: unknown) => {
      this.#first = undefined;
      throw error;
    });
    return this.#first;
  }

  /** Replaces the whole table, in one transaction. */
  async write(): Promise<void> {
    await this.#beforeFirst();
    enableForwarding();
    const { rules, forwards } = this.#networks;
    this.#hasSix = needsSix(rules);
    if (this.#hasSix) {
      enableForwarding6();
      await keepLocal6(standIn.client);
    }
    const written = this.#nft.applyFile(planRuleset(this.#table, rules, forwards, this.#style));
    this.#first ??= written;
    await written;
  }

  /** The table is gone when it resolves. */
  async remove(): Promise<void> {
    this.#first = undefined;
    this.#hasSix = false;
    // Made first, because removing a table that is not there is an error.
    await this.#nft.run(`add table ip ${this.#table}; delete table ip ${this.#table}`);
    // Of an earlier daemon too; a kernel without IPv6 has none.
    const six = `add table ip6 ${this.#table}; delete table ip6 ${this.#table}`;
    await this.#nft.run(six).catch((error: unknown) => {
      if (!isFault(error)) throw error;
    });
  }

  /** Of a container that the table of networks has, or has no more. */
  async forward(verb: "add" | "delete", forwards: Forwards): Promise<void> {
    await this.#change(planForwardChange(verb, this.#table, forwards, this.#style));
  }

  /** Of a network that the table of networks has, or has no more. */
  async network(verb: "add" | "delete", network: LiveNetwork): Promise<void> {
    if (!network.hasBridge) return;
    // The table of IPv6 comes with the first network that has it, and stays.
    if (network.plan6 !== undefined && !this.#hasSix && this.isWritten) return this.write();
    await this.#change(planNetworkChange(verb, this.#table, network.rules));
  }

  async #change(commands: string): Promise<void> {
    if (!this.isWritten) return this.ensure();
    if (commands === "") return;
    try {
      await this.#nft.run(commands);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#log.warn("nftables table was changed by others; writing it anew", { reason: messageOf(error) });
      await this.write();
    }
  }
}
