import { type Mount, mountPropagation } from "#api/cri/messages.ts";
import type { Container, EphemeralContainer, VolumeMount } from "#api/kube/types/core-pods.ts";
import { Fault } from "#base/fault.ts";
import { expandWith } from "./expand.ts";
import type { MountedVolume } from "./volumes/pod-volumes.ts";
import { verifySubPath } from "./volumes/sub-path.ts";

export interface MountsInput {
  readonly container: Container | EphemeralContainer;
  readonly volumes: ReadonlyMap<string, MountedVolume>;
  readonly variables: ReadonlyMap<string, string>;
  /** Absent when the containers see the machine's, or there is no network yet. */
  readonly hostsFile?: string;
  /** Where the container's last words are read from. */
  readonly terminationLog?: string;
  /** Makes what a subPath names appear somewhere, and says where. */
  subPath(volumePath: string, subPath: string, index: number): string;
}

const { PROPAGATION_PRIVATE, PROPAGATION_HOST_TO_CONTAINER, PROPAGATION_BIDIRECTIONAL } = mountPropagation;
const propagationOf = {
  None: PROPAGATION_PRIVATE,
  HostToContainer: PROPAGATION_HOST_TO_CONTAINER,
  Bidirectional: PROPAGATION_BIDIRECTIONAL,
} as const;

/** @throws {Fault} `precondition` when a volume or a part of it cannot be had */
export function mountsOf(input: MountsInput): readonly Mount[] {
  const { container } = input;
  const own = (container.volumeMounts ?? []).map((mount, index) => mountOf(input, mount, index));
  const isOverridden = own.some(({ containerPath }) => containerPath === "/etc/hosts");
  return [
    ...own,
    ...(input.hostsFile === undefined || isOverridden
      ? []
      : [
          {
            containerPath: "/etc/hosts",
            hostPath: input.hostsFile,
            readonly: container.securityContext?.readOnlyRootFilesystem ?? false,
          },
        ]),
    ...(input.terminationLog === undefined
      ? []
      : [
          {
            containerPath: container.terminationMessagePath ?? "/dev/termination-log",
            hostPath: input.terminationLog,
          },
        ]),
  ];
}

function mountOf(input: MountsInput, mount: VolumeMount, index: number): Mount {
  const volume = input.volumes.get(mount.name);
  if (volume === undefined)
    throw new Fault(
      "precondition",
      `cannot find volume "${mount.name}" to mount into container "${input.container.name}"`,
    );
  const containerPath = mount.mountPath.startsWith("/") ? mount.mountPath : `/${mount.mountPath}`;
  const subPath = subPathOf(input, mount);
  const isReadOnly = mount.readOnly ?? false;
  const common = {
    containerPath,
    propagation: propagationOf[mount.mountPropagation ?? "None"],
    ...(isReadOnly && mount.recursiveReadOnly === "Enabled" ? { recursiveReadOnly: true } : {}),
  };
  if (volume.kind === "image")
    return { ...common, readonly: true, image: { image: volume.reference }, imageSubPath: subPath };
  const hostPath = subPath === "" ? volume.path : input.subPath(volume.path, subPath, index);
  return { ...common, hostPath, readonly: isReadOnly || volume.isReadOnly };
}

function subPathOf({ variables }: MountsInput, { subPath = "", subPathExpr = "" }: VolumeMount): string {
  const path = subPathExpr === "" ? subPath : expandedStrictly(subPathExpr, variables);
  if (path !== "") verifySubPath(path);
  return path;
}

function expandedStrictly(text: string, variables: ReadonlyMap<string, string>): string {
  return expandWith(text, (name) => {
    const value = variables.get(name);
    if (value === undefined) throw new Fault("precondition", `missing value for "${name}"`);
    return value;
  });
}
