import { release } from "node:os";
import { type Action, ALLOW, KILL_THREAD } from "#oci/seccomp/action.ts";
import { auditArchOf, type SystemCall, X32_BIT } from "#oci/seccomp/calling.ts";
import type { SeccompOptions } from "#oci/seccomp/program.ts";
import { nativeAbiOf, type Profile, type Target } from "#oci/seccomp/rules.ts";
import { callsOf } from "#oci/seccomp/syscalls.ts";
import { verdictOf } from "#oci/seccomp/verdict.ts";

// What the kernel should say of the calls that probe.c makes, computed from the rules.

/** Capabilities that a container has when nothing else is said. */
export const usual = (
  "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT " +
  "KILL AUDIT_WRITE"
)
  .split(" ")
  .map((name) => `CAP_${name}`);

const architecture = process.arch === "arm64" ? "arm64" : "amd64";
/** Numbers of the machine's own calls by name. */
export const native = callsOf[nativeAbiOf[architecture]];
const [major = 0, minor = 0] = release().split(".").map(Number);

/** Since Linux 6.13 these, which only the kernel's own trampolines make, are let through without asking any filter. */
export const unfiltered = new Set([native.get("uretprobe"), native.get("uprobe")]);

export function targetOf(capabilities: readonly string[]): Target {
  return { capabilities, architecture, kernel: { major, minor } };
}

/** The options of the filter and of its oracle: undefined where there is no filter. */
export interface Case {
  readonly name: string;
  readonly capabilities: readonly string[];
  readonly profile: SeccompOptions["profile"];
  readonly oracle: Profile | undefined;
}

/** The probe's word for the verdict. */
export function expected({ oracle, capabilities }: Case, call: SystemCall): string {
  const action = oracle === undefined ? ALLOW : verdictOf(oracle, targetOf(capabilities), call);
  return outcomes.get(action) ?? `errno ${action & 0xffff}`;
}

const outcomes: ReadonlyMap<Action, string> = new Map([
  [ALLOW, "allowed"],
  [KILL_THREAD, "signal 31"],
  [0x80000000, "signal 31"],
  [0x00030000, "signal 31"],
]);

/** As the probe made it: all arguments but the first are -1. */
export function callOf(abi: string, number: number, first: bigint): SystemCall {
  const rest = Array.from({ length: 5 }, () => (abi === "x86" ? 0xffff_ffffn : 0xffff_ffff_ffff_ffffn));
  const arch = auditArchOf[abi === "x86" ? "x86" : nativeAbiOf[architecture]];
  return { arch, number: abi === "x32" ? number + X32_BIT : number, args: [first, ...rest] };
}

/** Lines of the probe's output that say something else than the rules. */
export function differences(tested: Case, output: string): readonly string[] {
  return output
    .trim()
    .split("\n")
    .flatMap((line) => {
      const [, abi = "", number = "", first = "", ...outcome] = line.split(" ");
      if (abi === "native" && unfiltered.has(Number(number))) return [];
      const wanted = expected(tested, callOf(abi, Number(number), BigInt(first)));
      return outcome.join(" ") === wanted ? [] : [`${line}, but expected ${wanted}`];
    });
}
