import { encodeProgram } from "./bpf.ts";
import { compilePolicy } from "./compile.ts";
import { defaultProfile, strictProfile } from "./default-rules.ts";
import { parseProfile } from "./profile.ts";
import { resolveProfile } from "./resolve.ts";
import type { FilterOptions, Profile, Target } from "./rules.ts";

export interface SeccompOptions extends Target {
  /** Docker's words for it: the built-in one, none at all, or the JSON text that a client gave; and the built-in one, stricter. */
  readonly profile: "default" | "strict" | "unconfined" | { readonly json: string };
}

export interface SeccompProgram {
  /** An array of struct sock_filter, for crun's annotation `run.oci.seccomp_bpf_data`. */
  readonly bpfBase64: string;
  /**
   * Only for profiles that ask for it: for the spec's `linux.seccomp`, from which crun takes flags and listener even when the
   * program comes by annotation. The default action is there because it must be.
   */
  readonly linuxSeccomp?: FilterOptions & { readonly defaultAction: "SCMP_ACT_ALLOW" };
}

/** Programs are a few KiB; what a host runs usually shares a handful. */
const MAX_REMEMBERED = 64;

/** Docker's own profile has about 12,000 characters. Longer than this are not kept, so that no client can fill the memory. */
const MAX_KEY_LENGTH = 64 * 1024;

const remembered = new Map<string, SeccompProgram | undefined>();

/**
 * The filter for a container's processes, the same for the same options. What was asked for lately is remembered.
 *
 * @returns undefined if there is to be no filter
 * @throws {Fault} `invalid` when the JSON is not a profile, or one whose program is longer than the kernel takes
 */
export function seccompProgram(options: SeccompOptions): SeccompProgram | undefined {
  if (options.profile === "unconfined") return undefined;
  const key = keyOf(options);
  const program = remembered.has(key) ? remembered.get(key) : makeProgram(options);
  if (key.length <= MAX_KEY_LENGTH) remember(key, program);
  return program;
}

/** As the latest; the oldest goes. */
function remember(key: string, program: SeccompProgram | undefined): void {
  remembered.delete(key);
  remembered.set(key, program);
  if (remembered.size <= MAX_REMEMBERED) return;
  const [oldest = key] = remembered.keys();
  remembered.delete(oldest);
}

function keyOf({ profile, capabilities, architecture, kernel }: SeccompOptions): string {
  const target = [architecture, kernel.major, kernel.minor, ...[...new Set(capabilities)].sort()].join(" ");
  return typeof profile === "string" ? `${profile} ${target}` : `${target}\n${profile.json}`;
}

function makeProgram(options: SeccompOptions): SeccompProgram | undefined {
  const profile = profileOf(options);
  if (profile === undefined) return undefined;
  const bpfBase64 = encodeProgram(compilePolicy(resolveProfile(profile, options))).toBase64();
  if (Object.keys(profile.filter).length === 0) return { bpfBase64 };
  return { bpfBase64, linuxSeccomp: { defaultAction: "SCMP_ACT_ALLOW", ...profile.filter } };
}

function profileOf({ profile }: SeccompOptions): Profile | undefined {
  if (typeof profile !== "string") return parseProfile(profile.json);
  return profile === "strict" ? strictProfile : defaultProfile;
}
