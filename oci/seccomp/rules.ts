import type { Action } from "./action.ts";
import type { Abi } from "./syscalls.ts";

/** A seccomp profile in Docker's sense: rules that hold or not, depending on the container and the machine. */
export interface Profile {
  /** For calls without a rule that matches. */
  readonly defaultAction: Action;
  /** By native ABI: what else may call the kernel. A thread that calls through an ABI that is not here is killed. */
  readonly subAbis: Partial<Readonly<Record<Abi, readonly Abi[]>>>;
  readonly rules: readonly Rule[];
  /**
   * How far the profile's decisions reach: over every call of our tables, or up to the newest call it names, as runc assumes of
   * profiles from files. Calls beyond are answered ENOSYS unless the default lets them through, so that a libc that is newer
   * than the profile falls back to the calls it used before.
   */
  readonly decides: "all-known" | "up-to-newest-named";
  readonly filter: FilterOptions;
}

/** What goes beside the program into the runtime's `linux.seccomp`. @see OCI runtime-spec v1.2, config-linux.md#seccomp */
export interface FilterOptions {
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
}

export interface Rule {
  readonly names: readonly string[];
  readonly action: Action;
  /** All must hold. */
  readonly args?: readonly Condition[];
  readonly includes?: Circumstances;
  readonly excludes?: Circumstances;
}

/** A rule is in force if each of `includes` is met and none of `excludes`. */
export interface Circumstances {
  readonly capabilities?: readonly string[];
  /** Go's names: amd64, arm64. */
  readonly architectures?: readonly string[];
  readonly minKernel?: KernelVersion;
}

export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
}

export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "masked==";

/** A comparison of one of a call's arguments, unsigned and 64 bits wide on every ABI. */
export interface Condition {
  readonly index: number;
  readonly op: Comparison;
  /** For `masked==` the mask. */
  readonly value: bigint;
  /** For `masked==` what the masked argument is compared with; its bits outside the mask do not count. Else unused. */
  readonly valueTwo?: bigint;
}

/** What a profile is resolved for. */
export interface Target {
  /** The container's bounding set, e.g. `CAP_CHOWN`. */
  readonly capabilities: readonly string[];
  readonly architecture: "amd64" | "arm64";
  readonly kernel: KernelVersion;
}

export const nativeAbiOf = { amd64: "x86_64", arm64: "aarch64" } as const satisfies Record<
  Target["architecture"],
  Abi
>;
