import { setTimeout as wait } from "node:timers/promises";
import { remoteDetail } from "./remote-fault.ts";

const firstDelayMs = 250;
const maxDelayMs = 8000;
/** A registry that asks for more patience has refused: it says so in hours when a limit is used up. */
const maxAskedSeconds = 60;

/** How patient a try after a try is. Waits double from a quarter of a second to eight, spread so that crowds come apart. */
export class Patience {
  #failures = 0;
  readonly #maxFailures: number;

  constructor(maxFailures: number) {
    this.#maxFailures = maxFailures;
  }

  /** Something went well: the count begins anew. */
  reset(): void {
    this.#failures = 0;
  }

  /** Resolves when it is time for the next try. @throws what failed, when another try is no use or there were too many */
  async after(error: unknown, onWait: (seconds: number) => void, signal: AbortSignal): Promise<void> {
    const { isTransient = false, retryAfterSeconds: asked = 0 } = remoteDetail(error) ?? {};
    if (!isTransient || asked > maxAskedSeconds || ++this.#failures > this.#maxFailures) throw error;
    const full = Math.min(firstDelayMs * 2 ** (this.#failures - 1), maxDelayMs);
    const delayMs = Math.max(full * (0.75 + Math.random() / 2), asked * 1000);
    onWait(Math.ceil(delayMs / 1000));
    await wait(delayMs, undefined, { signal });
  }
}

/** Tries until it works, it makes no sense any more, or `tries` are over. */
export async function retrying<T>(work: () => Promise<T>, tries: number, signal: AbortSignal): Promise<T> {
  const patience = new Patience(tries - 1);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      await patience.after(error, () => {}, signal);
    }
  }
}
