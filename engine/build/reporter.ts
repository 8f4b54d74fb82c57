/** Where a build's progress goes. Waits while the client is slow. */
export interface Reporter {
  /** Text as it stands; a step's title comes without its line end. */
  text(text: string): Promise<void>;
}

/** So much of a stage's progress may wait; a stage that says more waits for its turn. */
const maxWaitingCharacters = 1 << 20;

interface Waiting {
  readonly texts: string[];
  characters: number;
  isDone: boolean;
  /** Settles when everything that waited is out. */
  readonly turn: PromiseWithResolvers<void>;
}

/**
 * Lets several stages run side by side and their progress come out one after the other: what a later stage says waits until
 * those before it are done.
 */
export class OrderedReporters {
  readonly #out: Reporter;
  readonly #stages: Waiting[] = [];
  #current = 0;

  constructor(out: Reporter) {
    this.#out = out;
  }

  /** The next stage's, in the order of calls. A stage must not wait for one that is opened after it. */
  open(): Reporter & { done(): Promise<void> } {
    const stage: Waiting = { texts: [], characters: 0, isDone: false, turn: Promise.withResolvers() };
    const index = this.#stages.push(stage) - 1;
    if (index === 0) stage.turn.resolve();
    return {
      text: async (text) => {
        if (index !== this.#current && stage.characters < maxWaitingCharacters) {
          stage.texts.push(text);
          stage.characters += text.length;
          return;
        }
        await stage.turn.promise;
        await this.#out.text(text);
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
      for (const text of next.texts.splice(0)) await this.#out.text(text);
      next.turn.resolve();
      if (!next.isDone) return;
    }
  }
}
