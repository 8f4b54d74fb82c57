import type { LifecycleHandler, Probe } from "#api/kube/types/core-pods.ts";
import {
  type AnyContainer,
  type Check,
  containersOf,
  hasUserNamespace,
  named,
  namesOf,
  plural,
  quoted,
  sorted,
  type CheckedPod,
  type Violation,
} from "./check.ts";

const capabilities = new Set([
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
]);

/** Name → the first minor version of the policy that lets it be set. */
const sysctls: ReadonlyMap<string, number> = new Map([
  ["kernel.shm_rmid_forced", 0],
  ["net.ipv4.ip_local_port_range", 0],
  ["net.ipv4.tcp_syncookies", 0],
  ["net.ipv4.ping_group_range", 0],
  ["net.ipv4.ip_unprivileged_port_start", 0],
  ["net.ipv4.ip_local_reserved_ports", 27],
  ["net.ipv4.tcp_keepalive_time", 29],
  ["net.ipv4.tcp_fin_timeout", 29],
  ["net.ipv4.tcp_keepalive_intvl", 29],
  ["net.ipv4.tcp_keepalive_probes", 29],
  ["net.ipv4.tcp_rmem", 32],
  ["net.ipv4.tcp_wmem", 32],
  ["net.ipv4.tcp_slow_start_after_idle", 37],
  ["net.ipv4.tcp_notsent_lowat", 37],
]);

const seLinuxTypes = new Set(["", "container_t", "container_init_t", "container_kvm_t"]);
const appArmorPrefix = "container.apparmor.security.beta.kubernetes.io/";
const seccompPod = "seccomp.security.alpha.kubernetes.io/pod";
const seccompContainer = "container.seccomp.security.alpha.kubernetes.io/";

const checks: readonly Omit<Check, "level">[] = [
  { id: "appArmorProfile", since: 0, check: checkAppArmor },
  { id: "capabilities_baseline", since: 0, check: checkCapabilities },
  {
    id: "hostNamespaces",
    since: 0,
    check({ spec }) {
      const used = (["hostNetwork", "hostPID", "hostIPC"] as const).filter((field) => spec[field] === true);
      return used.length === 0
        ? undefined
        : { reason: "host namespaces", detail: used.map((field) => `${field}=true`).join(", ") };
    },
  },
  {
    id: "hostPathVolumes",
    since: 0,
    check({ spec }) {
      const names = (spec.volumes ?? [])
        .filter(({ hostPath }) => hostPath !== undefined)
        .map(({ name }) => name);
      return names.length === 0 ? undefined : { reason: "hostPath volumes", detail: named("volume", names) };
    },
  },
  { id: "hostPorts", since: 0, check: checkHostPorts },
  { id: "hostProbesAndHostLifecycle", since: 34, check: checkHosts },
  {
    id: "privileged",
    since: 0,
    check(pod) {
      const bad = namesOf(pod, ({ securityContext }) => securityContext?.privileged === true);
      return bad.length === 0
        ? undefined
        : {
            reason: "privileged",
            detail: `${named("container", bad)} must not set securityContext.privileged=true`,
          };
    },
  },
  {
    id: "procMount",
    since: 0,
    check: (pod, version) => (version >= 35 && hasUserNamespace(pod) ? undefined : checkProcMount(pod)),
  },
  { id: "seLinuxOptions", since: 0, check: checkSeLinux },
  { id: "seccompProfile_baseline", since: 0, check: checkSeccomp },
  {
    id: "sysctls",
    since: 0,
    check({ spec }, version) {
      const bad = (spec.securityContext?.sysctls ?? [])
        .map(({ name }) => name)
        .filter((name) => (sysctls.get(name) ?? Number.POSITIVE_INFINITY) > version);
      return bad.length === 0 ? undefined : { reason: "forbidden sysctls", detail: bad.join(", ") };
    },
  },
  { id: "windowsHostProcess", since: 0, check: checkHostProcess },
];

/** What no ordinary workload needs. @see Kubernetes, Pod Security Standards: Baseline */
export const baseline: readonly Check[] = checks.map((check) => ({ ...check, level: "baseline" }));

function checkCapabilities(pod: CheckedPod): Violation | undefined {
  const added = ({ securityContext }: AnyContainer) =>
    (securityContext?.capabilities?.add ?? []).filter((name) => !capabilities.has(name));
  const bad = namesOf(pod, (container) => added(container).length > 0);
  if (bad.length === 0) return undefined;
  const names = sorted(containersOf(pod).flatMap(added));
  return {
    reason: "non-default capabilities",
    detail: `${named("container", bad)} must not include ${quoted(names)} in securityContext.capabilities.add`,
  };
}

function checkHostPorts(pod: CheckedPod): Violation | undefined {
  const used = ({ ports = [] }: AnyContainer) =>
    ports.flatMap(({ hostPort = 0 }) => (hostPort === 0 ? [] : [String(hostPort)]));
  const bad = namesOf(pod, (container) => used(container).length > 0);
  if (bad.length === 0) return undefined;
  const ports = sorted(containersOf(pod).flatMap(used));
  return {
    reason: "hostPort",
    detail: `${named("container", bad)} ${plural("uses", bad.length, "use")} ${plural("hostPort", ports.length)} ${ports.join(", ")}`,
  };
}

function checkHosts(pod: CheckedPod): Violation | undefined {
  const hostsOf = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: AnyContainer) =>
    [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(hostsIn);
  const bad = sorted(namesOf(pod, (container) => hostsOf(container).length > 0));
  if (bad.length === 0) return undefined;
  const hosts = sorted(containersOf(pod).flatMap(hostsOf));
  return {
    reason: "probe or lifecycle host",
    detail: `${named("container", bad)} ${plural("uses", bad.length, "use")} ${plural("probe or lifecycle host", hosts.length)} ${quoted(hosts)}`,
  };
}

function hostsIn(handler: Probe | LifecycleHandler | undefined): readonly string[] {
  return [handler?.httpGet?.host ?? "", handler?.tcpSocket?.host ?? ""].filter((host) => host !== "");
}

export function checkProcMount(pod: CheckedPod): Violation | undefined {
  const typeOf = ({ securityContext }: AnyContainer) => securityContext?.procMount ?? "Default";
  const bad = namesOf(pod, (container) => typeOf(container) !== "Default");
  if (bad.length === 0) return undefined;
  const types = sorted(containersOf(pod).map(typeOf)).filter((type) => type !== "Default");
  return {
    reason: "procMount",
    detail: `${named("container", bad)} must not set securityContext.procMount to ${quoted(types)}`,
  };
}

function checkAppArmor(pod: CheckedPod): Violation | undefined {
  const isBad = (type: string | undefined) =>
    type !== undefined && type !== "RuntimeDefault" && type !== "Localhost";
  const typeOf = ({ securityContext }: AnyContainer) => securityContext?.appArmorProfile?.type;
  const ofPod = pod.spec.securityContext?.appArmorProfile?.type;
  const bad = namesOf(pod, (container) => isBad(typeOf(container)));
  const annotations = Object.entries(pod.metadata.annotations ?? {}).filter(
    ([key, value]) => key.startsWith(appArmorPrefix) && !/^(?:$|runtime\/default$|localhost\/)/.test(value),
  );
  const setters = [
    ...(isBad(ofPod) ? ["pod"] : []),
    ...(bad.length > 0 ? [named("container", bad)] : []),
    ...(annotations.length > 0 ? [plural("annotation", annotations.length)] : []),
  ];
  if (setters.length === 0) return undefined;
  const types = [ofPod, ...containersOf(pod).map(typeOf)].filter(isBad).map(String);
  const values = [
    ...sorted(types).map((type) => JSON.stringify(type)),
    ...annotations.map(([key, value]) => `${key}=${JSON.stringify(value)}`).toSorted(),
  ];
  return {
    reason: plural("forbidden AppArmor profile", values.length),
    detail: `${setters.join(" and ")} must not set AppArmor profile type to ${values.join(", ")}`,
  };
}

function checkSeLinux(pod: CheckedPod, version: number): Violation | undefined {
  const isType = (type = "") => seLinuxTypes.has(type) || (version >= 31 && type === "container_engine_t");
  const all = [pod.spec.securityContext, ...containersOf(pod).map((one) => one.securityContext)];
  const options = all.flatMap((context) => context?.seLinuxOptions ?? []);
  const isBad = (one: (typeof options)[number] | undefined) =>
    one !== undefined && (!isType(one.type) || (one.user ?? "") !== "" || (one.role ?? "") !== "");
  const bad = namesOf(pod, ({ securityContext }) => isBad(securityContext?.seLinuxOptions));
  const setters = [
    ...(isBad(pod.spec.securityContext?.seLinuxOptions) ? ["pod"] : []),
    ...(bad.length > 0 ? [named("container", bad)] : []),
  ];
  if (setters.length === 0) return undefined;
  const types = sorted(options.map(({ type = "" }) => type).filter((type) => !isType(type)));
  const problems = [
    ...(types.length > 0 ? [`${plural("type", types.length)} ${quoted(types)}`] : []),
    ...(options.some(({ user = "" }) => user !== "") ? ["user may not be set"] : []),
    ...(options.some(({ role = "" }) => role !== "") ? ["role may not be set"] : []),
  ];
  return {
    reason: "seLinuxOptions",
    detail: `${setters.join(" and ")} set forbidden securityContext.seLinuxOptions: ${problems.join("; ")}`,
  };
}

function checkSeccomp(pod: CheckedPod, version: number): Violation | undefined {
  if (version < 19) return checkSeccompAnnotations(pod);
  const isBad = (type: string | undefined) =>
    type !== undefined && type !== "RuntimeDefault" && type !== "Localhost";
  const typeOf = ({ securityContext }: AnyContainer) => securityContext?.seccompProfile?.type;
  const ofPod = pod.spec.securityContext?.seccompProfile?.type;
  const bad = namesOf(pod, (container) => isBad(typeOf(container)));
  const setters = [...(isBad(ofPod) ? ["pod"] : []), ...(bad.length > 0 ? [named("container", bad)] : [])];
  if (setters.length === 0) return undefined;
  const types = sorted([ofPod, ...containersOf(pod).map(typeOf)].filter(isBad).map(String));
  return {
    reason: "seccompProfile",
    detail: `${setters.join(" and ")} must not set securityContext.seccompProfile.type to ${quoted(types)}`,
  };
}

function checkSeccompAnnotations(pod: CheckedPod): Violation | undefined {
  const keys = [seccompPod, ...containersOf(pod).map(({ name }) => seccompContainer + name)];
  const bad = keys.flatMap((key) => {
    const value = pod.metadata.annotations?.[key];
    return value === undefined || /^(?:runtime\/default|docker\/default)$|^localhost\//.test(value)
      ? []
      : [`${key}=${JSON.stringify(value)}`];
  });
  return bad.length === 0
    ? undefined
    : {
        reason: "seccompProfile",
        detail: `forbidden ${plural("annotation", bad.length)} ${sorted(bad).join(", ")}`,
      };
}

function checkHostProcess(pod: CheckedPod): Violation | undefined {
  const bad = namesOf(pod, ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true);
  const setters = [
    ...(pod.spec.securityContext?.windowsOptions?.hostProcess === true ? ["pod"] : []),
    ...(bad.length > 0 ? [named("container", bad)] : []),
  ];
  return setters.length === 0
    ? undefined
    : {
        reason: "hostProcess",
        detail: `${setters.join(" and ")} must not set securityContext.windowsOptions.hostProcess=true`,
      };
}
