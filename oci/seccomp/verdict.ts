import { type Action, ENOSYS, fail, isPermissive, KILL_THREAD } from "./action.ts";
import { auditArchOf, type SystemCall, X32_BIT } from "./calling.ts";
import { holds, isInForce } from "./conditions.ts";
import { multiplexedOn386 } from "./multiplexed.ts";
import { nativeAbiOf, type Profile, type Rule, type Target } from "./rules.ts";
import { type Abi, callsOf, newestCallOf } from "./syscalls.ts";

/**
 * What a profile says about one call: the meaning of profiles written down as plainly as possible, for one call at a time. The
 * compiler is held to it.
 */
export function verdictOf(profile: Profile, target: Target, call: SystemCall): Action {
  const abi = abiOf(profile, target, call);
  if (abi === undefined) return KILL_THREAD;
  const number = abi === "x32" ? call.number - X32_BIT : call.number;
  const rules = profile.rules
    .filter((rule) => isInForce(rule, target) && rule.action !== profile.defaultAction)
    .flatMap((rule) => asSeenBy(abi, rule).filter((seen) => callsOf[abi].get(seen.name) === number));
  const decisive =
    rules.find(({ args }) => args.length === 0) ??
    rules.find(({ args }) => args.every((condition) => holds(condition, argumentOf(call, condition.index))));
  if (decisive !== undefined) return decisive.action;
  if (rules.length > 0 || number <= reachOf(profile, target, abi) || isPermissive(profile.defaultAction))
    return profile.defaultAction;
  return fail(ENOSYS);
}

function abiOf(profile: Profile, target: Target, { arch, number }: SystemCall): Abi | undefined {
  const native = nativeAbiOf[target.architecture];
  // -1 is no call of x32's: tracers set it to have a call skipped.
  const isX32 = arch === auditArchOf.x86_64 && number >= X32_BIT && number !== 0xffff_ffff;
  return [native, ...(profile.subAbis[native] ?? [])].find((abi) =>
    isX32 ? abi === "x32" : abi !== "x32" && auditArchOf[abi] === arch,
  );
}

function asSeenBy(abi: Abi, { names, args = [], action }: Rule) {
  return names.flatMap((name) => {
    const shared = abi === "x86" ? multiplexedOn386.get(name) : undefined;
    if (shared === undefined) return [{ name, args, action }];
    const selected = { index: 0, op: "==", value: BigInt(shared.selector) } as const;
    return [
      { name, args, action },
      { name: shared.through, args: [selected, ...args.filter(({ index }) => index !== 0)], action },
    ];
  });
}

/** The greatest number the profile decides about. */
function reachOf(profile: Profile, target: Target, abi: Abi): number {
  const known = newestCallOf(abi);
  if (profile.decides === "all-known") return known;
  const named = profile.rules
    .filter((rule) => isInForce(rule, target))
    .flatMap(({ names }) => names.map((name) => callsOf[abi].get(name) ?? -1))
    .filter((number) => number >= 0 && number <= known);
  return named.length === 0 ? known : named.reduce((a, b) => Math.max(a, b));
}

function argumentOf({ args }: SystemCall, index: number): bigint {
  return args[index] ?? 0n;
}
