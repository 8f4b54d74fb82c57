import {
  type LinuxContainerSecurityContext,
  type LinuxSandboxSecurityContext,
  namespaceMode,
  type NamespaceOption,
  type SecurityProfile,
  securityProfileProfileType,
  supplementalGroupsPolicy,
} from "#api/cri/messages.ts";
import type { Container, EphemeralContainer, Pod, SeccompProfile } from "#api/kube/types/core-pods.ts";
import { Fault } from "#base/fault.ts";
import { formatPod } from "./pod.ts";

/** Who an image's processes are, unless a pod says otherwise. */
export interface ImageUser {
  readonly uid?: number;
  readonly username?: string;
}

export interface SecurityInput {
  readonly pod: Pod;
  readonly container: Container | EphemeralContainer;
  readonly image: ImageUser;
  /** Of volumes: their files belong to these groups. */
  readonly volumeGroups: readonly number[];
  /** The container whose processes are to be seen. */
  readonly targetId?: string;
  /** Where `localhostProfile`s are. */
  readonly seccompRoot: string;
}

const { RuntimeDefault, Unconfined, Localhost } = securityProfileProfileType;

const maskedPaths = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];
const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** What a container may, as the runtime is told. @see Kubernetes API 1.36, core/v1 SecurityContext */
export function securityOf(input: SecurityInput): LinuxContainerSecurityContext {
  const { pod, container, image } = input;
  const own = container.securityContext ?? {};
  const ofPod = pod.spec?.securityContext ?? {};
  const isPrivileged = own.privileged ?? false;
  const user = own.runAsUser ?? ofPod.runAsUser;
  const group = own.runAsGroup ?? ofPod.runAsGroup;
  const mayEscalate = own.allowPrivilegeEscalation ?? true;
  const groups = [
    ...(ofPod.fsGroup === undefined ? [] : [ofPod.fsGroup]),
    ...(ofPod.supplementalGroups ?? []),
    ...input.volumeGroups,
  ];
  return {
    privileged: isPrivileged,
    readonlyRootfs: own.readOnlyRootFilesystem ?? false,
    noNewPrivs: !mayEscalate && !isPrivileged,
    ...userFields(user, image),
    ...(group === undefined ? {} : { runAsGroup: { value: group } }),
    supplementalGroups: groups,
    supplementalGroupsPolicy: supplementalGroupsPolicy[ofPod.supplementalGroupsPolicy ?? "Merge"],
    namespaceOptions: namespacesOf(pod, input.targetId),
    ...capabilitiesOf(own.capabilities),
    seccomp: seccompOf(own.seccompProfile ?? ofPod.seccompProfile, isPrivileged, input.seccompRoot),
    ...appArmorOf(input),
    ...(isPrivileged || own.procMount === "Unmasked" ? {} : { maskedPaths, readonlyPaths }),
    ...selinuxOf(input),
  };
}

function userFields(user: number | undefined, image: ImageUser): Partial<LinuxContainerSecurityContext> {
  if (user !== undefined) return { runAsUser: { value: user } };
  if (image.uid !== undefined) return { runAsUser: { value: image.uid } };
  return image.username === undefined || image.username === "" ? {} : { runAsUsername: image.username };
}

function capabilitiesOf(
  capabilities: { readonly add?: readonly string[]; readonly drop?: readonly string[] } | undefined,
) {
  if (capabilities === undefined) return {};
  const { add = [], drop = [] } = capabilities;
  return { capabilities: { addCapabilities: add, dropCapabilities: drop } };
}

/** As with a kubelet's `seccompDefault`: only who asks for no filter gets none. */
function seccompOf(
  profile: SeccompProfile | undefined,
  isPrivileged: boolean,
  root: string,
): SecurityProfile {
  if (isPrivileged || profile?.type === "Unconfined") return { profileType: Unconfined };
  if (profile === undefined || profile.type === "RuntimeDefault") return { profileType: RuntimeDefault };
  return { profileType: Localhost, localhostRef: `${root}/${profile.localhostProfile ?? ""}` };
}

/** Absent where a pod says nothing: the runtime has a default of its own, where the machine has AppArmor at all. */
function appArmorOf({ pod, container }: SecurityInput): Pick<LinuxContainerSecurityContext, "apparmor"> {
  const annotation = pod.metadata.annotations?.[appArmorAnnotation + container.name];
  const profile = container.securityContext?.appArmorProfile ?? pod.spec?.securityContext?.appArmorProfile;
  if (profile?.type === "Localhost") return localAppArmor(profile.localhostProfile ?? "");
  if (profile?.type === "Unconfined") return { apparmor: { profileType: Unconfined } };
  if (profile?.type === "RuntimeDefault") return { apparmor: { profileType: RuntimeDefault } };
  if (annotation === "unconfined") return { apparmor: { profileType: Unconfined } };
  return annotation?.startsWith("localhost/") === true
    ? localAppArmor(annotation.slice("localhost/".length))
    : {};
}

const appArmorAnnotation = "container.apparmor.security.beta.kubernetes.io/";

function localAppArmor(localhostRef: string): Pick<LinuxContainerSecurityContext, "apparmor"> {
  return { apparmor: { profileType: Localhost, localhostRef } };
}

function selinuxOf({ pod, container }: SecurityInput): Partial<LinuxContainerSecurityContext> {
  const options = container.securityContext?.seLinuxOptions ?? pod.spec?.securityContext?.seLinuxOptions;
  return options === undefined ? {} : { selinuxOptions: options };
}

/** @param targetId of an ephemeral container: whose processes it joins */
export function namespacesOf(pod: Pod, targetId?: string): NamespaceOption {
  const { POD, NODE, CONTAINER, TARGET } = namespaceMode;
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec ?? {};
  const pid = hostPID === true ? NODE : shareProcessNamespace === true ? POD : CONTAINER;
  return {
    network: hostNetwork === true ? NODE : POD,
    ipc: hostIPC === true ? NODE : POD,
    ...(targetId === undefined ? { pid } : { pid: TARGET, targetId }),
  };
}

/** What the sandbox's own process may. */
export function sandboxSecurityOf(pod: Pod, seccompRoot: string): LinuxSandboxSecurityContext {
  const context = pod.spec?.securityContext ?? {};
  const groups = [
    ...(context.fsGroup === undefined ? [] : [context.fsGroup]),
    ...(context.supplementalGroups ?? []),
  ];
  return {
    privileged: [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].some(
      (container) => container.securityContext?.privileged === true,
    ),
    namespaceOptions: namespacesOf(pod),
    seccomp:
      context.seccompProfile === undefined
        ? { profileType: RuntimeDefault }
        : seccompOf(context.seccompProfile, false, seccompRoot),
    ...(context.runAsUser === undefined ? {} : { runAsUser: { value: context.runAsUser } }),
    ...(context.runAsGroup === undefined || context.runAsUser === undefined
      ? {}
      : { runAsGroup: { value: context.runAsGroup } }),
    ...(groups.length === 0 ? {} : { supplementalGroups: groups }),
    supplementalGroupsPolicy: supplementalGroupsPolicy[context.supplementalGroupsPolicy ?? "Merge"],
  };
}

/** @throws {Fault} `precondition` when the pod must not run as root and would, or may */
export function verifyNonRoot({ pod, container, image }: SecurityInput): void {
  const own = container.securityContext ?? {};
  const ofPod = pod.spec?.securityContext ?? {};
  if ((own.runAsNonRoot ?? ofPod.runAsNonRoot) !== true) return;
  const where = `(pod: "${formatPod(pod)}", container: ${container.name})`;
  const user = own.runAsUser ?? ofPod.runAsUser;
  if (user !== undefined) {
    if (user === 0) throw new Fault("precondition", `container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  if (image.username !== undefined && image.username !== "" && image.uid === undefined) {
    throw new Fault(
      "precondition",
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${where}`,
    );
  }
  if (image.uid === undefined || image.uid === 0) {
    throw new Fault("precondition", `container has runAsNonRoot and image will run as root ${where}`);
  }
}

const safeSysctls = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
]);

/** The first sysctl that a pod asks for and this node does not allow. */
export function findForbiddenSysctl(pod: Pod, allowed: readonly string[]): string | undefined {
  const isAllowed = (name: string) =>
    safeSysctls.has(name) ||
    allowed.some((pattern) =>
      pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    );
  return pod.spec?.securityContext?.sysctls
    ?.map(({ name }) => name.replaceAll("/", "."))
    .find((name) => !isAllowed(name));
}
