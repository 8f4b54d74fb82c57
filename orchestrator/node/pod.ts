import type { Container, EphemeralContainer, Pod } from "#api/kube/types/core-pods.ts";

export type ContainerKind = "init" | "regular" | "ephemeral";

/** A container of a pod's spec, whatever list it stands in. */
export interface PodContainer {
  readonly kind: ContainerKind;
  readonly spec: Container | EphemeralContainer;
}

export function uidOf(pod: Pod): string {
  return pod.metadata.uid ?? "";
}

export function namespaceOf(pod: Pod): string {
  return pod.metadata.namespace ?? "default";
}

export function nameOf(pod: Pod): string {
  return pod.metadata.name ?? "";
}

/** As logs and messages call a pod: `name_namespace(uid)`. */
export function formatPod(pod: Pod): string {
  return `${nameOf(pod)}_${namespaceOf(pod)}(${uidOf(pod)})`;
}

export function containersOf(pod: Pod): readonly PodContainer[] {
  return [
    ...(pod.spec?.initContainers ?? []).map((spec) => ({ kind: "init" as const, spec })),
    ...(pod.spec?.containers ?? []).map((spec) => ({ kind: "regular" as const, spec })),
    ...(pod.spec?.ephemeralContainers ?? []).map((spec) => ({ kind: "ephemeral" as const, spec })),
  ];
}

export function findContainer(pod: Pod, name: string): PodContainer | undefined {
  return containersOf(pod).find((container) => container.spec.name === name);
}

/** Whether it is an init container that goes on running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

/** Where events about a container point. */
export function fieldPathOf({ kind, spec }: PodContainer): string {
  const list = { init: "initContainers", regular: "containers", ephemeral: "ephemeralContainers" }[kind];
  return `spec.${list}{${spec.name}}`;
}

export function isHostNetwork(pod: Pod): boolean {
  return pod.spec?.hostNetwork ?? false;
}

export function isDeleted(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** Whether it came from a file of this machine rather than from the API. */
export function isStatic(pod: Pod): boolean {
  return pod.metadata.annotations?.["kubernetes.io/config.source"] === "file";
}

/** Seconds that a pod has to end: what its deletion asked for, or what its spec says. */
export function gracePeriodOf(pod: Pod): number {
  return pod.metadata.deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30;
}
