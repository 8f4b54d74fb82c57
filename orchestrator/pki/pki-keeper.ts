import type { Log } from "#base/log.ts";
import { ensurePki, type Pki, type PkiDeps } from "./pki.ts";

/** Timers cannot wait longer than 24 days; one a day also finds out about clocks that jumped. */
const LOOK_MS = 86_400_000;
const RETRY_MS = 60_000;

/** Keeps a cluster's certificates valid as long as the daemon runs. */
export class PkiKeeper implements Disposable {
  readonly #deps: PkiDeps;
  readonly #log: Log;
  readonly #listeners = new Set<(pki: Pki) => void>();
  #current: Pki;
  #timer: NodeJS.Timeout | undefined;

  /** @throws {Fault} as {@link ensurePki} does */
  constructor(deps: PkiDeps) {
    this.#deps = deps;
    this.#log = deps.log;
    this.#current = ensurePki(deps);
    this.#arm(LOOK_MS);
  }

  get current(): Pki {
    return this.#current;
  }

  /** Calls back when certificates were made anew, e.g. to give a server its new context. */
  onRenewed(listener: (pki: Pki) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Looks now; with addresses when those of this machine have changed. */
  renew(addresses: readonly string[] = this.#deps.addresses): void {
    const before = this.#current;
    this.#current = ensurePki({ ...this.#deps, addresses });
    if (!isSame(before, this.#current)) for (const listener of this.#listeners) listener(this.#current);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  #arm(mostMs: number): void {
    const untilDue = this.#current.renewAt.getTime() - this.#deps.now().getTime();
    this.#timer = setTimeout(() => this.#look(), Math.max(RETRY_MS, Math.min(mostMs, untilDue)));
    this.#timer.unref();
  }

  #look(): void {
    try {
      this.renew();
      this.#arm(LOOK_MS);
    } catch (error) {
      this.#log.error("certificates could not be made anew", { error });
      this.#arm(RETRY_MS);
    }
  }
}

function isSame(left: Pki, right: Pki): boolean {
  const textOf = ({ authority, frontProxyAuthority, identities }: Pki) =>
    JSON.stringify([authority, frontProxyAuthority, identities]);
  return textOf(left) === textOf(right);
}
