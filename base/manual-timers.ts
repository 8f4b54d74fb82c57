import type { Timers } from "./timers.ts";

interface Waiting {
  readonly atMs: number;
  readonly action: () => void;
}

/** A clock that stands still until it is told to go on: for tests and simulations. */
export class ManualTimers implements Timers {
  #nowMs: number;
  readonly #waiting = new Set<Waiting>();

  constructor(nowMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const entry = { atMs: this.#nowMs + Math.max(0, delayMs), action };
    this.#waiting.add(entry);
    return () => this.#waiting.delete(entry);
  }

  /** How many wait. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** Lets so much time pass; what is due runs in order, each at its time. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      let next: Waiting | undefined;
      for (const entry of this.#waiting)
        if (entry.atMs <= untilMs && (next === undefined || entry.atMs < next.atMs)) next = entry;
      if (next === undefined) break;
      this.#waiting.delete(next);
      this.#nowMs = next.atMs;
      next.action();
    }
    this.#nowMs = untilMs;
  }
}
