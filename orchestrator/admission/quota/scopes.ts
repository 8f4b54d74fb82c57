import type { KubeObject } from "#api/kube/meta.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { PersistentVolumeClaim, ResourceQuota } from "#api/kube/types/core.ts";

interface Requirement {
  readonly scopeName: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** Whether a quota is about an object: all its scopes must fit; a quota with scopes is about pods, or about claims. */
export function isAbout(quota: ResourceQuota, resource: string, object: KubeObject): boolean {
  const { scopes = [], scopeSelector } = quota.spec ?? {};
  const requirements: readonly Requirement[] = [
    ...scopes.map((scopeName) => ({ scopeName, operator: "Exists" })),
    ...(scopeSelector?.matchExpressions ?? []),
  ];
  if (requirements.length === 0) return true;
  if (resource === "pods") return requirements.every((one) => fitsPod(one, object as Pod));
  if (resource === "persistentvolumeclaims")
    return requirements.every((one) => fitsClaim(one, object as PersistentVolumeClaim));
  return false;
}

function fitsPod(requirement: Requirement, pod: Pod): boolean {
  switch (requirement.scopeName) {
    case "Terminating":
      return (pod.spec.activeDeadlineSeconds ?? -1) >= 0;
    case "NotTerminating":
      return pod.spec.activeDeadlineSeconds === undefined;
    case "BestEffort":
      return isBestEffort(pod);
    case "NotBestEffort":
      return !isBestEffort(pod);
    case "PriorityClass":
      return fits(requirement, pod.spec.priorityClassName ?? "");
    case "CrossNamespacePodAffinity":
      return usesOtherNamespaces(pod);
    default:
      return false;
  }
}

function fitsClaim(requirement: Requirement, { spec, status }: PersistentVolumeClaim): boolean {
  if (requirement.scopeName !== "VolumeAttributesClass") return false;
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter((name) => name !== undefined && name !== "");
  return names.length === 0 ? fits(requirement, "") : names.some((name) => fits(requirement, name ?? ""));
}

function fits({ operator, values = [] }: Requirement, value: string): boolean {
  switch (operator) {
    case "Exists":
      return value !== "";
    case "DoesNotExist":
      return value === "";
    case "In":
      return values.includes(value);
    case "NotIn":
      return !values.includes(value);
    default:
      return false;
  }
}

/** No container asks for processors or memory, or bounds them. @see Kubernetes, Pod Quality of Service Classes */
function isBestEffort({ spec }: Pod): boolean {
  return [...spec.containers, ...(spec.initContainers ?? [])].every(({ resources }) =>
    [resources?.requests, resources?.limits].every((amounts) =>
      ["cpu", "memory"].every((name) => {
        const value: unknown = amounts?.[name];
        return value === undefined || value === "0" || value === 0;
      }),
    ),
  );
}

function usesOtherNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  return [podAffinity, podAntiAffinity].some((affinity) =>
    [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one) => one.podAffinityTerm),
    ].some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined),
  );
}
