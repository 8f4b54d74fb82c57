import type { HostConfig } from "#api/docker/container.ts";
import type { ContainerPolicy } from "#base/container-policy.ts";

/** A container's wishes with what the daemon adds to them. What the container says itself holds. */
export function applyPolicy(hostConfig: HostConfig, policy: ContainerPolicy): HostConfig {
  const { noNewPrivileges, pidsLimit } = policy;
  return {
    ...hostConfig,
    ...(noNewPrivileges && { SecurityOpt: ["no-new-privileges", ...(hostConfig.SecurityOpt ?? [])] }),
    ...(pidsLimit !== undefined && { PidsLimit: hostConfig.PidsLimit ?? pidsLimit }),
  };
}
