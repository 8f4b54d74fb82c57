/** How many wrong passwords are free. */
const free = 5;
const firstLockMs = 1000;
const longestLockMs = 300_000;
const forgottenAfterMs = 900_000;
const maxKept = 10_000;

interface Failures {
  count: number;
  lastAt: number;
}

/**
 * Slows down whoever guesses passwords: after five wrong ones in a row from one address for one user, each further one locks that pair
 * out for twice as long as the one before, a second to five minutes. Others are not affected.
 */
export class FailedLogins {
  readonly #nowMs: () => number;
  readonly #failures = new Map<string, Failures>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  isLocked(address: string, username: string): boolean {
    const failures = this.#failures.get(keyOf(address, username));
    if (failures === undefined || failures.count < free) return false;
    const lockMs = Math.min(longestLockMs, firstLockMs * 2 ** (failures.count - free));
    return this.#nowMs() - failures.lastAt < lockMs;
  }

  failed(address: string, username: string): void {
    const key = keyOf(address, username);
    const now = this.#nowMs();
    const before = this.#failures.get(key);
    const count = before === undefined || now - before.lastAt > forgottenAfterMs ? 1 : before.count + 1;
    this.#failures.delete(key);
    this.#failures.set(key, { count, lastAt: now });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > maxKept && oldest !== undefined) this.#failures.delete(oldest);
  }

  succeeded(address: string, username: string): void {
    this.#failures.delete(keyOf(address, username));
  }
}

function keyOf(address: string, username: string): string {
  return `${address}\0${username.slice(0, 256)}`;
}
