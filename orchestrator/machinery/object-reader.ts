import type { KubeObject } from "#api/kube/meta.ts";

/**
 * What the API server has of a resource in memory: as new as the changes that have reached it. Authorisers and admission read
 * through it, on every request: it neither waits nor copies. What it gives must not be changed.
 */
export interface ObjectReader {
  /** @param resource with its group, e.g. `roles.rbac.authorization.k8s.io`, or `secrets` of core */
  find<T extends KubeObject>(resource: string, namespace: string | undefined, name: string): T | undefined;
  /** All of a namespace, or all there are. */
  list<T extends KubeObject>(resource: string, namespace?: string): Iterable<T>;
  /** Calls back after each change of the resource, with what it is now, or undefined when it has gone. */
  onChange<T extends KubeObject>(
    resource: string,
    listener: (object: T | undefined, before: T | undefined) => void,
  ): Disposable;
}
