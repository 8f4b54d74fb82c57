import type { GroupVersionResource, KubeObject } from "#api/kube/meta.ts";

/** A resource as a client speaks of it; `T` is what its objects look like. */
export interface KubeResource<T extends KubeObject = KubeObject> extends GroupVersionResource {
  readonly kind: string;
  readonly isNamespaced: boolean;
  /** Only for the type checker. */
  readonly of?: T;
}

/** Which object of a resource. */
export interface ObjectRef {
  /** Absent for resources of the cluster. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** `v1` or `apps/v1`. */
export function apiVersionOf(resource: GroupVersionResource): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** The path of a collection: of a namespace, or of all of them. */
export function collectionPath(resource: KubeResource, namespace?: string): string {
  const root = resource.group === "" ? "/api/v1" : `/apis/${resource.group}/${resource.version}`;
  const of = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${of}/${resource.resource}`;
}

/** The path of an object or of one of its subresources. */
export function objectPath(resource: KubeResource, ref: ObjectRef, subresource?: string): string {
  const namespace = resource.isNamespaced ? ref.namespace : undefined;
  const below = subresource === undefined ? "" : `/${subresource}`;
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(ref.name)}${below}`;
}

/** `namespace/name`, or the name alone for what belongs to the cluster: the key that caches and queues use. */
export function keyOf(object: KubeObject): string {
  const { namespace, name = "" } = object.metadata;
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

/** The opposite of {@link keyOf}. */
export function refOfKey(key: string): ObjectRef {
  const slash = key.indexOf("/");
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
