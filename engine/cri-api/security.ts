import { readFileSync } from "node:fs";
import {
  type LinuxContainerSecurityContext,
  type SecurityProfile,
  securityProfileProfileType as profileTypes,
} from "#api/cri/messages.ts";
import type { HostConfig } from "#api/docker/container.ts";
import { Fault, messageOf } from "#base/fault.ts";

type Security = Pick<
  HostConfig,
  "CapAdd" | "CapDrop" | "GroupAdd" | "Privileged" | "ReadonlyRootfs" | "SecurityOpt"
> &
  Partial<Pick<HostConfig, "MaskedPaths" | "ReadonlyPaths">>;

/**
 * How a container is confined. But for seccomp what the request leaves open is as with Docker's containers.
 *
 * @param hasUserNamespace a pod with one may ask for a /proc that nothing of is masked, which looks as if it had said nothing
 * @throws {Fault} `invalid` for a profile that cannot be read
 */
export function securityOf(context: LinuxContainerSecurityContext, hasUserNamespace: boolean): Security {
  const { capabilities, privileged = false, maskedPaths = [], readonlyPaths = [] } = context;
  const saysPaths = maskedPaths.length + readonlyPaths.length > 0 || hasUserNamespace;
  return {
    CapAdd: capabilities?.addCapabilities ?? [],
    CapDrop: capabilities?.dropCapabilities ?? [],
    GroupAdd: (context.supplementalGroups ?? []).map(String),
    Privileged: privileged,
    ReadonlyRootfs: context.readonlyRootfs ?? false,
    SecurityOpt: [
      ...(context.noNewPrivs === true ? ["no-new-privileges"] : []),
      ...seccompOption(context),
      ...appArmorOption(context),
    ],
    ...(saysPaths && !privileged && { MaskedPaths: maskedPaths, ReadonlyPaths: readonlyPaths }),
  };
}

/** As the CRI has it: none where nothing is said, and none for who is privileged, whatever is said. */
function seccompOption(context: LinuxContainerSecurityContext): readonly string[] {
  const { seccomp, seccompProfilePath = "", privileged = false } = context;
  const profile = privileged ? undefined : (seccomp ?? oldProfile(seccompProfilePath));
  if (profile === undefined || profile.profileType === profileTypes.Unconfined) return ["seccomp=unconfined"];
  if (profile.profileType !== profileTypes.Localhost) return ["seccomp=builtin"];
  return [`seccomp=${readProfile(profile.localhostRef ?? "")}`];
}

function appArmorOption({
  apparmor,
  apparmorProfile = "",
}: LinuxContainerSecurityContext): readonly string[] {
  const profile = apparmor ?? oldProfile(apparmorProfile);
  switch (profile?.profileType ?? (profile === undefined ? -1 : 0)) {
    case profileTypes.Unconfined:
      return ["apparmor=unconfined"];
    case profileTypes.Localhost:
      return [`apparmor=${(profile?.localhostRef ?? "").replace(/^localhost\//, "")}`];
    default:
      return [];
  }
}

/** As it was said before there were messages for it. */
function oldProfile(text: string): SecurityProfile | undefined {
  if (text === "") return undefined;
  if (text === "unconfined") return { profileType: profileTypes.Unconfined };
  if (text.startsWith("localhost/"))
    return { profileType: profileTypes.Localhost, localhostRef: text.slice("localhost/".length) };
  return { profileType: profileTypes.RuntimeDefault };
}

function readProfile(path: string): string {
  if (!path.startsWith("/"))
    throw new Fault("invalid", `seccomp profile ${JSON.stringify(path)} is no absolute path`);
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Fault("invalid", `failed to load seccomp profile ${JSON.stringify(path)}: ${messageOf(error)}`);
  }
}
