import { Fault } from "#base/fault.ts";
import type { Lines } from "../source.ts";
import type { CheckOptions } from "./options.ts";
import type { CheckRule } from "./rules.ts";

/** A rule that a Dockerfile does not keep. */
export interface CheckWarning {
  readonly rule: CheckRule;
  readonly detail: string;
  readonly lines: Lines;
}

/** The warnings about one Dockerfile, in the order in which they are found; those that are not wanted are left out. */
export class CheckFindings {
  readonly #options: CheckOptions;
  readonly #warnings: CheckWarning[] = [];

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  get warnings(): readonly CheckWarning[] {
    return this.#warnings;
  }

  add(rule: CheckRule, lines: Lines, detail: string): void {
    if (this.#options.tells(rule)) this.#warnings.push({ rule, detail, lines });
  }

  /** Whether a warning ends the build. */
  get isStrict(): boolean {
    return this.#options.isError;
  }

  /** What ends the build, when warnings do. */
  get failure(): Fault | undefined {
    if (!this.#options.isError || this.#warnings.length === 0) return undefined;
    const names = new Set(this.#warnings.map(({ rule }) => rule.name));
    return new Fault("invalid", `lint violation found for rules: ${[...names].join(", ")}`);
  }
}

/** `UndefinedVar: Usage of undefined variable '$X' (line 3)`, as progress shows it. */
export function shortWarning({ rule, detail, lines }: CheckWarning): string {
  return `${rule.name}: ${detail} (line ${lines.first})`;
}
