import type { Target } from "./target.ts";

/** One point of the distribution specification. */
export interface Check {
  /** The specification's endpoint, `end-N`, or section, and what is claimed. */
  readonly name: string;
  readonly run: (target: Target) => Promise<void>;
}

export function check(name: string, run: (target: Target) => Promise<void>): Check {
  return { name, run };
}
