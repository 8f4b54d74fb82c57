import type { Digest } from "#oci/digest.ts";
import { hexOf } from "#oci/digest.ts";
import type { Progress } from "./images.ts";
import { progressBar } from "./progress-bar.ts";

const everyMs = 100;

/** The lines of one layer in a progress stream. */
export class LayerProgress {
  readonly #id: string;
  readonly #report: (progress: Progress) => void;
  readonly #now: () => number;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(digest: Digest, report: (progress: Progress) => void, now: () => number) {
    this.#id = hexOf(digest).slice(0, 12);
    this.#report = report;
    this.#now = now;
  }

  /** A new state. */
  tell(status: string): void {
    this.#report({ status, progressDetail: {}, id: this.#id });
  }

  /** How far it has come in bytes; ten times a second is enough for anybody. */
  advance(status: string, current: number, total: number): void {
    const now = this.#now();
    if (now - this.#lastAt < everyMs) return;
    this.#lastAt = now;
    this.mark(status, current, total);
  }

  /** {@link LayerProgress.advance}, told in any case. */
  mark(status: string, current: number, total: number): void {
    const progress = progressBar(current, total);
    this.#report({ status, progressDetail: { current, total }, progress, id: this.#id });
  }
}
