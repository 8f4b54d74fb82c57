/** Where a build's progress goes. Waits while the client is slow. */
export interface Reporter {
  /** Text as it stands; a step's title comes without its line end. */
  text(text: string): Promise<void>;
}

/**
 * Lets several stages run side by side and their progress come out one after the other: what a later stage says waits until
 * those before it are done.
 */
export class OrderedReporters {
  readonly #out: Reporter;
  readonly #stages: { readonly waiting: string[]; isDone: boolean }[] = [];
  #current = 0;

  constructor(out: Reporter) {
    this.#out = out;
  }

  /** The next stage's, in the order of calls. */
  open(): Reporter & { done(): Promise<void> } {
    const index = this.#stages.push({ waiting: [], isDone: false }) - 1;
    const stage = this.#stages[index] as { readonly waiting: string[]; isDone: boolean };
    return {
      text: async (text) => {
        if (index === this.#current) await this.#out.text(text);
        else stage.waiting.push(text);
      },
      done: async () => {
        stage.isDone = true;
        if (index === this.#current) await this.#advance();
      },
    };
  }

  async #advance(): Promise<void> {
    for (;;) {
      const next = this.#stages[++this.#current];
      if (next === undefined) return;
      for (const text of next.waiting.splice(0)) await this.#out.text(text);
      if (!next.isDone) return;
    }
  }
}
