import { type Action, ALLOW, KILL_PROCESS, KILL_THREAD, LOG, NOTIFY, TRAP } from "./action.ts";
import { isInForce } from "./conditions.ts";
import { defaultProfile } from "./default-rules.ts";
import { parseProfile } from "./profile.ts";
import type { SeccompOptions } from "./program.ts";
import { type Comparison, type Condition, nativeAbiOf } from "./rules.ts";
import type { Abi } from "./syscalls.ts";

const architectureOf: Partial<Readonly<Record<Abi, string>>> = {
  x86_64: "SCMP_ARCH_X86_64",
  x86: "SCMP_ARCH_X86",
  x32: "SCMP_ARCH_X32",
  aarch64: "SCMP_ARCH_AARCH64",
  arm: "SCMP_ARCH_ARM",
};

const operatorOf: Readonly<Record<Comparison, string>> = {
  "==": "SCMP_CMP_EQ",
  "!=": "SCMP_CMP_NE",
  "<": "SCMP_CMP_LT",
  "<=": "SCMP_CMP_LE",
  ">": "SCMP_CMP_GT",
  ">=": "SCMP_CMP_GE",
  "masked==": "SCMP_CMP_MASKED_EQ",
};

/**
 * The same filter as `seccompProgram` compiles, as a runtime's `linux.seccomp`: for runtimes that compile it themselves.
 *
 * @returns undefined if there is to be no filter
 * @throws {Fault} `invalid` when the JSON is not a profile
 * @see OCI runtime-spec v1.2, config-linux.md#seccomp
 */
export function runtimeFilter(options: SeccompOptions): object | undefined {
  const { profile: given } = options;
  if (given === "unconfined") return undefined;
  const profile = typeof given === "string" ? defaultProfile : parseProfile(given.json);
  if (profile === undefined) return undefined;
  const native = nativeAbiOf[options.architecture];
  const rules = profile.rules.filter((rule) => isInForce(rule, options));
  return {
    ...withErrno(profile.defaultAction, "defaultAction", "defaultErrnoRet"),
    architectures: [native, ...(profile.subAbis[native] ?? [])].flatMap((abi) => architectureOf[abi] ?? []),
    ...profile.filter,
    syscalls: rules.map(({ names, action, args }) => ({
      names,
      ...withErrno(action, "action", "errnoRet"),
      ...(args !== undefined && args.length > 0 && { args: args.map(argumentOf) }),
    })),
  };
}

function argumentOf({ index, op, value, valueTwo = 0n }: Condition): object {
  return { index, op: operatorOf[op], value: numberOf(value), valueTwo: numberOf(valueTwo) };
}

/** All 64 bits, which JavaScript's own numbers do not have. */
function numberOf(value: bigint): unknown {
  return (JSON as unknown as { readonly rawJSON: (text: string) => unknown }).rawJSON(value.toString());
}

function withErrno(action: Action, actionName: string, errnoName: string): object {
  const plain = new Map<Action, string>([
    [ALLOW, "SCMP_ACT_ALLOW"],
    [LOG, "SCMP_ACT_LOG"],
    [NOTIFY, "SCMP_ACT_NOTIFY"],
    [TRAP, "SCMP_ACT_TRAP"],
    [KILL_PROCESS, "SCMP_ACT_KILL_PROCESS"],
    [KILL_THREAD, "SCMP_ACT_KILL_THREAD"],
  ]).get(action);
  if (plain !== undefined) return { [actionName]: plain };
  const name = action >>> 16 === 0x0005 ? "SCMP_ACT_ERRNO" : "SCMP_ACT_TRACE";
  return { [actionName]: name, [errnoName]: action & 0xffff };
}
