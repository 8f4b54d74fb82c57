import { Fault } from "#base/fault.ts";
import { type Action, ENOSYS, fail, isPermissive } from "./action.ts";
import { isInForce } from "./conditions.ts";
import { multiplexedOn386 } from "./multiplexed.ts";
import { type Condition, nativeAbiOf, type Profile, type Rule, type Target } from "./rules.ts";
import { type Abi, callsOf, newestCallOf } from "./syscalls.ts";

/** What a profile comes to for one container on one machine: no names, no circumstances left. */
export interface Policy {
  readonly defaultAction: Action;
  /** The native one first. A call through any other is answered by killing the thread. */
  readonly abis: readonly AbiPolicy[];
}

export interface AbiPolicy {
  readonly abi: Abi;
  /** By number, without x32's bit. Where no clause matches, the default action holds. */
  readonly clauses: ReadonlyMap<number, readonly Clause[]>;
  /** Calls greater than `newest` that have no clauses get `beyond`. */
  readonly newest: number;
  readonly beyond: Action;
}

/** The first clause of a call all of whose conditions hold decides. An unconditional one is the only one of its call. */
export interface Clause {
  readonly when: readonly Condition[];
  readonly action: Action;
}

/** Far more than fit into a program, and few enough that planning one stays a matter of milliseconds. */
const MAX_CONDITIONAL_CLAUSES = 2048;
const MAX_CONDITIONAL_CLAUSES_PER_CALL = 512;

/**
 * Takes the circumstances out of a profile. Like libseccomp, it lets a call's first unconditional rule win over all its
 * conditional ones, skips names that the ABI does not have, and like runc rules that only repeat the default action.
 *
 * @throws {Fault} `invalid` if there are more conditional rules than a program can hold
 */
export function resolveProfile(profile: Profile, target: Target): Policy {
  const native = nativeAbiOf[target.architecture];
  const abis = new Set([native, ...(profile.subAbis[native] ?? [])]);
  const rules = profile.rules.filter((rule) => isInForce(rule, target));
  return {
    defaultAction: profile.defaultAction,
    abis: [...abis].map((abi) => resolveAbi(profile, rules, abi)),
  };
}

function resolveAbi(profile: Profile, rules: readonly Rule[], abi: Abi): AbiPolicy {
  const clauses = new ClauseTable(profile.defaultAction);
  for (const { names, args = [], action } of rules)
    for (const name of names) {
      clauses.add(callsOf[abi].get(name), args, action);
      const shared = abi === "x86" ? multiplexedOn386.get(name) : undefined;
      if (shared !== undefined)
        clauses.add(callsOf[abi].get(shared.through), selecting(shared.selector, args), action);
    }
  const newest = profile.decides === "all-known" ? newestCallOf(abi) : newestNamed(rules, abi);
  return { abi, clauses: clauses.byNumber, newest, beyond: actionBeyond(profile.defaultAction) };
}

function actionBeyond(defaultAction: Action): Action {
  return isPermissive(defaultAction) ? defaultAction : fail(ENOSYS);
}

/** Rules that only repeat the default count too. Without any, everything the tables know is taken as decided. */
function newestNamed(rules: readonly Rule[], abi: Abi): number {
  const known = newestCallOf(abi);
  let newest = -1;
  for (const { names } of rules)
    for (const name of names) {
      const number = callsOf[abi].get(name) ?? -1;
      if (number > newest && number <= known) newest = number;
    }
  return newest === -1 ? known : newest;
}

function selecting(selector: number, args: readonly Condition[]): readonly Condition[] {
  return [{ index: 0, op: "==", value: BigInt(selector) }, ...args.filter(({ index }) => index !== 0)];
}

/** Keeps the invariant of {@link Clause}. */
class ClauseTable {
  readonly byNumber = new Map<number, readonly Clause[]>();
  readonly #defaultAction: Action;
  #conditional = 0;

  constructor(defaultAction: Action) {
    this.#defaultAction = defaultAction;
  }

  add(number: number | undefined, when: readonly Condition[], action: Action): void {
    if (number === undefined || action === this.#defaultAction) return;
    const clauses = this.byNumber.get(number) ?? [];
    if (clauses[0]?.when.length === 0) return;
    if (when.length === 0) {
      this.#conditional -= clauses.length;
      this.byNumber.set(number, [{ when, action }]);
      return;
    }
    this.#conditional++;
    if (this.#conditional > MAX_CONDITIONAL_CLAUSES || clauses.length >= MAX_CONDITIONAL_CLAUSES_PER_CALL)
      throw new Fault("invalid", "the seccomp profile has too many conditional rules");
    this.byNumber.set(number, [...clauses, { when, action }]);
  }
}
