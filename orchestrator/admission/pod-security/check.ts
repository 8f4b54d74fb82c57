import type { ObjectMeta } from "#api/kube/meta.ts";
import type { Container, PodSpec } from "#api/kube/types/core-pods.ts";

/** What a check looks at: a pod, or what pods are made from. */
export interface CheckedPod {
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
}

export interface Violation {
  readonly reason: string;
  /** May be empty. */
  readonly detail: string;
}

export interface Check {
  /** By which checks of a level are ordered, and named when others replace them. */
  readonly id: string;
  readonly level: "baseline" | "restricted";
  /** The first minor version of Kubernetes 1 that has it. */
  readonly since: number;
  /** A check of baseline that this one stands for. */
  readonly replaces?: string;
  /** @param version the minor one of the policy */
  readonly check: (pod: CheckedPod, version: number) => Violation | undefined;
}

/** The fields that all kinds of containers share. */
export type AnyContainer = Pick<
  Container,
  "name" | "securityContext" | "ports" | "livenessProbe" | "readinessProbe" | "startupProbe" | "lifecycle"
>;

export function containersOf({ spec }: CheckedPod): readonly AnyContainer[] {
  return [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...((spec.ephemeralContainers ?? []) as readonly AnyContainer[]),
  ];
}

/** Of the containers that a check objects to. */
export function namesOf(pod: CheckedPod, isBad: (container: AnyContainer) => boolean): readonly string[] {
  return containersOf(pod)
    .filter(isBad)
    .map(({ name }) => name);
}

export function isWindows({ spec }: CheckedPod): boolean {
  return spec.os?.name === "windows";
}

/** With user IDs of its own it may be root inside. */
export function hasUserNamespace({ spec }: CheckedPod): boolean {
  return spec.hostUsers === false;
}

/** `"a", "b"` */
export function quoted(texts: readonly string[]): string {
  return texts.map((text) => JSON.stringify(text)).join(", ");
}

/** `container "a"` or `containers "a", "b"` */
export function named(singular: string, names: readonly string[]): string {
  return `${plural(singular, names.length)} ${quoted(names)}`;
}

export function plural(singular: string, count: number, more = `${singular}s`): string {
  return count === 1 ? singular : more;
}

export function sorted(texts: Iterable<string>): readonly string[] {
  return [...new Set(texts)].toSorted((left, right) => (left < right ? -1 : left > right ? 1 : 0));
}
