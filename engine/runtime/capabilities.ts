import type { HostConfig } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import { capabilityNames } from "#host/capability-names.ts";
import type { HostFacts } from "#host/facts.ts";

/** What a container gets when nobody asks for anything else. @see docs/container-defaults.md */
export const defaultCapabilities: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

const ALL = "ALL";

/**
 * The capabilities of a container as CapAdd, CapDrop and Privileged change the default set: never more than the host can give.
 * What was asked for by name and cannot be given is warned about.
 *
 * @throws {Fault} `invalid` with Docker's text for a name that is no capability
 */
export function planCapabilities(
  { CapAdd, CapDrop, Privileged }: Pick<HostConfig, "CapAdd" | "CapDrop" | "Privileged">,
  host: Pick<HostFacts, "capabilities">,
): { readonly capabilities: readonly string[]; readonly warnings: readonly string[] } {
  const add = normalize("CapAdd", CapAdd ?? []);
  const drop = normalize("CapDrop", CapDrop ?? []);
  if (Privileged) return { capabilities: host.capabilities, warnings: [] };
  const wanted = tweak(add, drop);
  const missing = add.filter((name) => name !== ALL && !host.capabilities.includes(name));
  return {
    capabilities: [...wanted].filter((name) => host.capabilities.includes(name)),
    warnings: missing.map((name) => `Capability ${name} is not available on this host and was not added.`),
  };
}

function tweak(add: readonly string[], drop: readonly string[]): ReadonlySet<string> {
  if (add.includes(ALL)) return new Set(capabilityNames.filter((name) => !drop.includes(name)));
  if (drop.includes(ALL)) return new Set(add);
  return new Set([...defaultCapabilities.filter((name) => !drop.includes(name)), ...add]);
}

/** Upper case with `CAP_` in front, as the OCI spec has them. */
function normalize(field: string, names: readonly string[]): readonly string[] {
  return names.map((given) => {
    const upper = given.toUpperCase();
    if (upper === ALL) return upper;
    const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (capabilityNames.includes(name)) return name;
    throw new Fault("invalid", `invalid ${field}: unknown capability: ${JSON.stringify(name)}`);
  });
}
