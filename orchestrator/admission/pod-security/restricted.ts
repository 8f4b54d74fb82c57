import { checkProcMount } from "./baseline.ts";
import {
  type AnyContainer,
  type Check,
  type CheckedPod,
  containersOf,
  hasUserNamespace,
  isWindows,
  named,
  namesOf,
  plural,
  quoted,
  sorted,
  type Violation,
} from "./check.ts";

/** Without one of these members a volume is of a kind that only administrators use. */
const volumeKinds = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

const checks: readonly Omit<Check, "level">[] = [
  {
    id: "allowPrivilegeEscalation",
    since: 8,
    check(pod, version) {
      if (version >= 25 && isWindows(pod)) return undefined;
      const bad = namesOf(pod, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
      return bad.length === 0
        ? undefined
        : {
            reason: "allowPrivilegeEscalation != false",
            detail: `${named("container", bad)} must set securityContext.allowPrivilegeEscalation=false`,
          };
    },
  },
  {
    id: "capabilities_restricted",
    since: 22,
    replaces: "capabilities_baseline",
    check: (pod, version) => (version >= 25 && isWindows(pod) ? undefined : checkCapabilities(pod)),
  },
  { id: "procMount_restricted", since: 35, replaces: "procMount", check: checkProcMount },
  { id: "restrictedVolumes", since: 0, replaces: "hostPathVolumes", check: checkVolumes },
  {
    id: "runAsNonRoot",
    since: 0,
    check: (pod, version) => (version >= 35 && hasUserNamespace(pod) ? undefined : checkNonRoot(pod)),
  },
  {
    id: "runAsUser",
    since: 23,
    check: (pod, version) => (version >= 35 && hasUserNamespace(pod) ? undefined : checkUser(pod)),
  },
  {
    id: "seccompProfile_restricted",
    since: 19,
    replaces: "seccompProfile_baseline",
    check: (pod, version) => (version >= 25 && isWindows(pod) ? undefined : checkSeccomp(pod)),
  },
];

/** Best practice for hardened pods. @see Kubernetes, Pod Security Standards: Restricted */
export const restricted: readonly Check[] = checks.map((check) => ({ ...check, level: "restricted" }));

function checkCapabilities(pod: CheckedPod): Violation | undefined {
  const added = ({ securityContext }: AnyContainer) =>
    (securityContext?.capabilities?.add ?? []).filter((name) => name !== "NET_BIND_SERVICE");
  const missing = namesOf(
    pod,
    ({ securityContext }) => !(securityContext?.capabilities?.drop ?? []).includes("ALL"),
  );
  const adding = namesOf(pod, (container) => added(container).length > 0);
  if (missing.length === 0 && adding.length === 0) return undefined;
  const names = sorted(containersOf(pod).flatMap(added));
  const details = [
    ...(missing.length > 0
      ? [`${named("container", missing)} must set securityContext.capabilities.drop=["ALL"]`]
      : []),
    ...(adding.length > 0
      ? [
          `${named("container", adding)} must not include ${quoted(names)} in securityContext.capabilities.add`,
        ]
      : []),
  ];
  return { reason: "unrestricted capabilities", detail: details.join("; ") };
}

function checkVolumes({ spec }: CheckedPod): Violation | undefined {
  // One that says nothing is an emptyDir.
  const kindOf = (volume: object) => Object.keys(volume).find((key) => key !== "name") ?? "emptyDir";
  const bad = (spec.volumes ?? []).filter(
    (volume) => !volumeKinds.some((kind) => kind in volume || kindOf(volume) === kind),
  );
  if (bad.length === 0) return undefined;
  const names = bad.map(({ name }) => name);
  const kinds = sorted(bad.map(kindOf));
  return {
    reason: "restricted volume types",
    detail: `${named("volume", names)} ${plural("uses", names.length, "use")} ${plural("restricted volume type", kinds.length)} ${quoted(kinds)}`,
  };
}

function checkNonRoot(pod: CheckedPod): Violation | undefined {
  const ofPod = pod.spec.securityContext?.runAsNonRoot;
  const explicit = namesOf(pod, ({ securityContext }) => securityContext?.runAsNonRoot === false);
  const implicit = namesOf(
    pod,
    ({ securityContext }) => securityContext?.runAsNonRoot === undefined && ofPod !== true,
  );
  const setters = [
    ...(ofPod === false ? ["pod"] : []),
    ...(explicit.length > 0 ? [named("container", explicit)] : []),
  ];
  const reason = "runAsNonRoot != true";
  if (setters.length > 0)
    return { reason, detail: `${setters.join(" and ")} must not set securityContext.runAsNonRoot=false` };
  return implicit.length === 0
    ? undefined
    : { reason, detail: `pod or ${named("container", implicit)} must set securityContext.runAsNonRoot=true` };
}

function checkUser(pod: CheckedPod): Violation | undefined {
  const bad = namesOf(pod, ({ securityContext }) => securityContext?.runAsUser === 0);
  const setters = [
    ...(pod.spec.securityContext?.runAsUser === 0 ? ["pod"] : []),
    ...(bad.length > 0 ? [named("container", bad)] : []),
  ];
  return setters.length === 0
    ? undefined
    : { reason: "runAsUser=0", detail: `${setters.join(" and ")} must not set runAsUser=0` };
}

function checkSeccomp(pod: CheckedPod): Violation | undefined {
  const isGood = (type: string | undefined) => type === "RuntimeDefault" || type === "Localhost";
  const typeOf = ({ securityContext }: AnyContainer) => securityContext?.seccompProfile?.type;
  const ofPod = pod.spec.securityContext?.seccompProfile?.type;
  const isBad = (type: string | undefined) => type !== undefined && !isGood(type);
  const explicit = namesOf(pod, (container) => isBad(typeOf(container)));
  const setters = [
    ...(isBad(ofPod) ? ["pod"] : []),
    ...(explicit.length > 0 ? [named("container", explicit)] : []),
  ];
  const reason = "seccompProfile";
  if (setters.length > 0) {
    const types = sorted([ofPod, ...containersOf(pod).map(typeOf)].filter(isBad).map(String));
    return {
      reason,
      detail: `${setters.join(" and ")} must not set securityContext.seccompProfile.type to ${quoted(types)}`,
    };
  }
  const implicit = isGood(ofPod) ? [] : namesOf(pod, (container) => typeOf(container) === undefined);
  return implicit.length === 0
    ? undefined
    : {
        reason,
        detail: `pod or ${named("container", implicit)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
      };
}
