import type { HostConfig } from "#api/docker/container.ts";
import { Fault, messageOf } from "#base/fault.ts";
import { isProfileLoaded, loadProfile } from "#host/apparmor.ts";
import type { HostFacts } from "#host/facts.ts";

/** Docker's name: tools look for it, and beside a Docker daemon either may have loaded it. */
export const defaultProfile = "docker-default";

/**
 * What a container may do by default, where AppArmor counts: files, networks and the capabilities that it has; no mounts, no
 * writing to the kernel's settings in /proc and /sys but shared memory's, and signals and tracing among its own only.
 *
 * @see man 5 apparmor.d
 */
const profileText = `
abi <abi/3.0>,
@{PROC}=/proc/
profile ${defaultProfile} flags=(attach_disconnected, mediate_deleted) {
  file,
  network,
  capability,
  umount,
  deny mount,

  signal (receive) peer=unconfined,
  signal (send, receive) peer=${defaultProfile},
  ptrace (trace, tracedby, read, readby) peer=${defaultProfile},

  # Files of /proc itself, and folders but those of processes and sys.
  deny @{PROC}/* w,
  deny @{PROC}/{[^1-9s]*,s[^y]*}/** w,
  deny @{PROC}/sys/[^k]** w,
  deny @{PROC}/sys/k[^e]** w,
  deny @{PROC}/sys/kernel/{[^s]**,s[^h]**,sh[^m]**} w,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,

  # All of /sys but cgroups.
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;

/** The profile that a container has, if any, given the one that was asked for. */
export function planAppArmor(
  asked: string | undefined,
  { Privileged }: Pick<HostConfig, "Privileged">,
  { hasAppArmor }: Pick<HostFacts, "hasAppArmor">,
): { readonly value: string | undefined; readonly warnings: readonly string[] } {
  if (hasAppArmor) return { value: asked ?? (Privileged ? "unconfined" : defaultProfile), warnings: [] };
  if (asked === undefined || asked === "unconfined") return { value: undefined, warnings: [] };
  return {
    value: undefined,
    warnings: [`AppArmor is not enabled on this host: profile ${asked} was not applied.`],
  };
}

/**
 * Makes sure that the kernel knows the default profile, which the host's own services may have taken away.
 *
 * @throws {Fault} `precondition` when it cannot be loaded: a container is not started without
 */
export async function ensureDefaultProfile(): Promise<void> {
  try {
    if (!isProfileLoaded(defaultProfile)) await loadProfile(profileText);
  } catch (error) {
    throw new Fault(
      "precondition",
      `AppArmor enabled on system but the ${defaultProfile} profile could not be loaded: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
