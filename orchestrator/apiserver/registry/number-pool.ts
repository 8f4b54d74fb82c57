/**
 * Numbers that somebody may have one each of. Who has one is told by others; what is kept here are those that are being given
 * away at the moment.
 */
export class NumberPool {
  readonly #first: number;
  readonly #last: number;
  /** Numbers below are for those who ask for one by name. */
  readonly #dynamicFrom: number;
  readonly #claimed = new Set<number>();
  readonly #random: () => number;

  constructor(first: number, last: number, dynamicFrom: number, random: () => number) {
    this.#first = first;
    this.#last = last;
    this.#dynamicFrom = dynamicFrom;
    this.#random = random;
  }

  includes(number: number): boolean {
    return number >= this.#first && number <= this.#last;
  }

  /** A claim lasts until it is disposed of; whoever got the number says so elsewhere by then. Undefined when none is free. */
  claimAny(isTaken: (number: number) => boolean): Claim | undefined {
    return (
      this.#search(this.#dynamicFrom, this.#last, isTaken) ??
      this.#search(this.#first, this.#dynamicFrom - 1, isTaken)
    );
  }

  claim(number: number, isTaken: (number: number) => boolean): Claim | undefined {
    return isTaken(number) || this.#claimed.has(number) ? undefined : this.#hold(number);
  }

  #search(from: number, to: number, isTaken: (number: number) => boolean): Claim | undefined {
    const count = to - from + 1;
    if (count <= 0) return undefined;
    const start = Math.floor(this.#random() * count);
    for (let step = 0; step < count; step++) {
      const claim = this.claim(from + ((start + step) % count), isTaken);
      if (claim !== undefined) return claim;
    }
    return undefined;
  }

  #hold(number: number): Claim {
    this.#claimed.add(number);
    return { number, [Symbol.dispose]: () => void this.#claimed.delete(number) };
  }
}

export interface Claim extends Disposable {
  readonly number: number;
}
