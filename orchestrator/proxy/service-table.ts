import { isFault, messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { NftShell } from "#host/nft/nft-shell.ts";
import type { Element } from "./elements.ts";
import { Ledger } from "./ledger.ts";
import { planChanges, planTable } from "./plan.ts";
import type { RulesetFacts } from "./ruleset.ts";

/** The instance's nftables table of services: single elements change; it is written whole at first and when others changed it. */
export class ServiceTable {
  readonly #nft: NftShell;
  readonly #facts: RulesetFacts;
  readonly #log: Log;
  readonly #ledger = new Ledger();
  #chains = new Set<string>();
  #isWritten = false;

  constructor(deps: { readonly nft: NftShell; readonly facts: RulesetFacts; readonly log: Log }) {
    this.#nft = deps.nft;
    this.#facts = deps.facts;
    this.#log = deps.log;
  }

  /** What a service wants of the table, in place of what it wanted before; {@link write} does it. */
  put(service: string, elements: readonly Element[]): void {
    this.#ledger.put(service, elements);
  }

  /** Others took something away: the next {@link write} writes everything. */
  distrust(): void {
    this.#isWritten = false;
  }

  /** The table is as wanted when it resolves. @throws {Fault} as nft does, when it could not be written whole either */
  async write(): Promise<void> {
    if (!this.#isWritten) return await this.#writeAll();
    const changes = this.#ledger.changes();
    if (changes.length === 0) return;
    try {
      await this.#nft.run(planChanges(changes, this.#chains, this.#facts));
      this.#ledger.written(changes);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#log.warn("the table of services was changed by others; writing it anew", {
        reason: messageOf(error),
      });
      await this.#writeAll();
    }
  }

  async #writeAll(): Promise<void> {
    this.#isWritten = false;
    this.#chains = new Set();
    this.#ledger.forget();
    const changes = this.#ledger.changes();
    await this.#nft.applyFile(planTable(changes, this.#chains, this.#facts));
    this.#ledger.written(changes);
    this.#isWritten = true;
  }
}
