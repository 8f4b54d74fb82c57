import type { Container, EphemeralContainer, Pod } from "#api/kube/types/core-pods.ts";
import { nameOf, namespaceOf, uidOf } from "./pod.ts";

/** What the agent writes onto the runtime's objects, and finds them again by: the same that a kubelet writes. */
export const labelOf = {
  podName: "io.kubernetes.pod.name",
  podNamespace: "io.kubernetes.pod.namespace",
  podUid: "io.kubernetes.pod.uid",
  containerName: "io.kubernetes.container.name",
} as const;

export const annotationOf = {
  hash: "io.kubernetes.container.hash",
  restartCount: "io.kubernetes.container.restartCount",
  terminationMessagePath: "io.kubernetes.container.terminationMessagePath",
  terminationMessagePolicy: "io.kubernetes.container.terminationMessagePolicy",
  preStop: "io.kubernetes.container.preStopHandler",
  gracePeriod: "io.kubernetes.pod.terminationGracePeriod",
} as const;

export function podLabels(pod: Pod): Readonly<Record<string, string>> {
  return {
    ...pod.metadata.labels,
    [labelOf.podName]: nameOf(pod),
    [labelOf.podNamespace]: namespaceOf(pod),
    [labelOf.podUid]: uidOf(pod),
  };
}

/** Changes when a container must be made anew: with its name or its image. */
export function hashOf(container: Container | EphemeralContainer): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`${container.name}\0${container.image ?? ""}`)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16);
}
