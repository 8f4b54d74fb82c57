import { Fault } from "#base/fault.ts";

/** What `HostConfig.SecurityOpt` says. */
export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  /** Absent: nothing was said. `custom` carries the profile's JSON. */
  readonly seccomp?:
    | { readonly kind: "default" | "unconfined" }
    | { readonly kind: "custom"; readonly json: string };
  /** Name of an AppArmor profile, or `unconfined`. */
  readonly apparmor?: string;
  /** Nothing masked, nothing read-only. */
  readonly hasOpenSystemPaths: boolean;
  /** Absent: as privileged says. */
  readonly hasWritableCgroups?: boolean;
  /** Absent: as the engine's setting says. */
  readonly userns?: "auto" | "host";
}

/**
 * Parses security options as `docker run --security-opt` has them after the client has read the profile's file. SELinux labels
 * are accepted and mean nothing: Gantry labels no processes.
 *
 * @throws {Fault} `invalid` with Docker's texts
 */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  return options.reduce(applyOption, { noNewPrivileges: false, hasOpenSystemPaths: false });
}

function applyOption(before: SecurityOptions, option: string): SecurityOptions {
  if (option === "no-new-privileges") return { ...before, noNewPrivileges: true };
  if (option === "writable-cgroups") return { ...before, hasWritableCgroups: true };
  if (option === "disable") return before;
  const [, key, value] = /^([^=:]*)[=:](.*)$/s.exec(option) ?? [];
  if (key === undefined || value === undefined) throw invalid(1, option);
  switch (key) {
    case "label":
      return before;
    case "apparmor":
      return { ...before, apparmor: value };
    case "seccomp":
      return { ...before, seccomp: seccompOf(value) };
    case "no-new-privileges":
      return { ...before, noNewPrivileges: booleanOf(value, option) };
    case "writable-cgroups":
      return { ...before, hasWritableCgroups: booleanOf(value, option) };
    case "userns":
      if (value !== "auto" && value !== "host") throw invalid(2, option);
      return { ...before, userns: value };
    case "systempaths":
      if (value !== "unconfined") throw invalid(2, option);
      return { ...before, hasOpenSystemPaths: true };
    default:
      throw invalid(2, option);
  }
}

function seccompOf(value: string): NonNullable<SecurityOptions["seccomp"]> {
  if (value === "unconfined") return { kind: "unconfined" };
  if (value === "builtin" || value === "") return { kind: "default" };
  return { kind: "custom", json: value };
}

const booleans: Readonly<Record<string, boolean>> = {
  "1": true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  "0": false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

function booleanOf(value: string, option: string): boolean {
  const known = Object.hasOwn(booleans, value) ? booleans[value] : undefined;
  if (known === undefined) throw invalid(2, option);
  return known;
}

function invalid(stage: 1 | 2, option: string): Fault {
  return new Fault("invalid", `invalid --security-opt ${stage}: ${JSON.stringify(option)}`);
}
