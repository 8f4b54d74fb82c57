/**
 * A step of a decision. It stands for all that comes after it. `load` reads a word of the call's data, which the steps behind it
 * test; a step that is reached from several places therefore begins with a load or ends the decision.
 */
export type Step = { readonly id: number } & (
  | { readonly do: "return"; readonly value: number }
  | { readonly do: "load"; readonly offset: number; readonly next: Step }
  | { readonly do: "mask"; readonly bits: number; readonly next: Step }
  | {
      readonly do: "test";
      readonly test: Test;
      readonly operand: number;
      readonly yes: Step;
      readonly no: Step;
    }
);

export type Test = "equal" | "at-least" | "any-bit";

/**
 * Makes steps, each only once: equal steps are the same object, so equal branches of a decision join by themselves. A step's id
 * is greater than those of all that follow it.
 */
export class DecisionGraph {
  readonly #known = new Map<string, Step>();

  return(value: number): Step {
    return this.#step(`return ${value}`, (id) => ({ id, do: "return", value }));
  }

  load(offset: number, next: Step): Step {
    return this.#step(`load ${offset} ${next.id}`, (id) => ({ id, do: "load", offset, next }));
  }

  mask(bits: number, next: Step): Step {
    return this.#step(`mask ${bits} ${next.id}`, (id) => ({ id, do: "mask", bits, next }));
  }

  test(test: Test, operand: number, yes: Step, no: Step): Step {
    if (yes === no) return yes;
    return this.#step(`${test} ${operand} ${yes.id} ${no.id}`, (id) => ({
      id,
      do: "test",
      test,
      operand,
      yes,
      no,
    }));
  }

  #step(key: string, make: (id: number) => Step): Step {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const step = make(this.#known.size);
    this.#known.set(key, step);
    return step;
  }
}
