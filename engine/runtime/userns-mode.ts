import type { HostConfig } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import { type HostFacts, isAtLeast, kernelWith } from "#host/facts.ts";
import { parseSecurityOptions } from "./security-options.ts";

export type UsernsMode = "host" | "own";

/**
 * Whether a container gets a user namespace. The request says so by `UsernsMode`, or by the security option `userns=` for
 * clients that let through only `host`; what it does not say, the engine's setting does.
 *
 * @throws {Fault} `invalid`, with Docker's texts, for modes that do not go with a user namespace
 */
export function usernsModeOf(
  hostConfig: HostConfig,
  { isRemapped, kernel }: { readonly isRemapped: boolean } & Pick<HostFacts, "kernel">,
): UsernsMode {
  const asked = hostConfig.UsernsMode || parseSecurityOptions(hostConfig.SecurityOpt ?? []).userns;
  const mode = asked === undefined ? (isRemapped ? "own" : "host") : asked === "host" ? "host" : "own";
  if (mode === "host") return mode;
  const reason = conflictOf(hostConfig);
  if (reason !== undefined) throw new Fault("invalid", reason);
  checkKernel(kernel);
  return mode;
}

/**
 * The engine's setting, as dockerd's `--userns-remap`: whether containers have user namespaces unless they ask for the host's.
 *
 * @throws {Fault} `invalid` for anything but `default`, and when the kernel cannot map layers
 */
export function parseRemap(text: string | undefined, kernel: HostFacts["kernel"]): boolean {
  if (text === undefined || text === "") return false;
  if (text !== "default")
    throw new Fault(
      "invalid",
      `invalid userns-remap: ${text}: only "default" is known, every container has its own IDs`,
    );
  checkKernel(kernel);
  return true;
}

/** @throws {Fault} `invalid` when the kernel cannot map layers */
function checkKernel(kernel: HostFacts["kernel"]): void {
  if (isAtLeast(kernel, kernelWith.mappedOverlays)) return;
  const [wanted, found] = [kernelWith.mappedOverlays, kernel].map(({ major, minor }) => `${major}.${minor}`);
  throw new Fault("invalid", `user namespaces need Linux ${wanted} or newer, this is ${found}`);
}

function conflictOf({ Privileged, NetworkMode, PidMode, IpcMode }: HostConfig): string | undefined {
  if (Privileged)
    return "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode";
  if (NetworkMode === "host")
    return "cannot share the host's network namespace when user namespaces are enabled";
  if (PidMode === "host") return "cannot share the host PID namespace when user namespaces are enabled";
  if (IpcMode === "host") return "cannot share the host IPC namespace when user namespaces are enabled";
  return undefined;
}
