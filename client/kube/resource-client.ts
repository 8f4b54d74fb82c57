import type { DeleteOptions, KubeList, KubeObject } from "#api/kube/meta.ts";
import { isStatus, type Status } from "#api/kube/status.ts";
import type { KubeRequests, Query } from "./kube-requests.ts";
import {
  apiVersionOf,
  collectionPath,
  type KubeResource,
  type ObjectRef,
  objectPath,
} from "./kube-resource.ts";
import { type WatchEvent, watchEvents } from "./watch-events.ts";

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: "NotOlderThan" | "Exact";
  readonly limit?: number;
  readonly continue?: string;
}

export interface WatchOptions
  extends Pick<
    ListOptions,
    "namespace" | "labelSelector" | "fieldSelector" | "resourceVersion" | "resourceVersionMatch"
  > {
  readonly timeoutSeconds?: number;
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
}

export interface WriteOptions {
  /** Absent: the client's user agent up to its first `/`. */
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
}

export interface PatchOptions extends WriteOptions {
  readonly type: "json" | "merge" | "strategic";
  readonly subresource?: string;
}

export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string;
  /** Takes fields over from their managers. */
  readonly force?: boolean;
  readonly subresource?: string;
}

const patchTypes = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
} as const;

/** The calls of one resource. Whatever the server refuses throws its Status as a {@link StatusError}. */
export class ResourceClient<T extends KubeObject> {
  readonly resource: KubeResource<T>;
  readonly #requests: KubeRequests;

  constructor(requests: KubeRequests, resource: KubeResource<T>) {
    this.#requests = requests;
    this.resource = resource;
  }

  get(ref: ObjectRef, signal: AbortSignal): Promise<T> {
    return this.#call("GET", objectPath(this.resource, ref), undefined, {}, signal);
  }

  /** Undefined when there is none of the name. */
  async find(ref: ObjectRef, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.get(ref, signal);
    } catch (error) {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }

  /** One page: with a `limit` the rest is behind `metadata.continue`. Items get their apiVersion and kind. */
  async list(options: ListOptions, signal: AbortSignal): Promise<KubeList<T>> {
    const { namespace, ...query } = options;
    const path = collectionPath(this.resource, namespace);
    const list = await this.#call<KubeList<T>>("GET", path, undefined, query, signal);
    const type = { apiVersion: apiVersionOf(this.resource), kind: this.resource.kind };
    return { ...list, items: (list.items ?? []).map((item) => ({ ...type, ...item })) };
  }

  /** Everything, page by page, as of one moment. */
  async *listAll(options: ListOptions, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    let next: string | undefined;
    do {
      const page: KubeList<T> = await this.list(
        { limit: 500, ...options, ...(next === undefined ? {} : { continue: next }) },
        signal,
      );
      yield* page.items;
      next = page.metadata.continue;
    } while (next !== undefined && next !== "");
  }

  /** Resolves when the server has agreed. Ending the iteration ends the watch. */
  async watch(
    options: WatchOptions,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<WatchEvent<T>, void, undefined>> {
    const { namespace, ...query } = options;
    const path = collectionPath(this.resource, namespace);
    const body = await this.#requests.open({ method: "GET", path, query: { watch: 1, ...query } }, signal);
    return watchEvents<T>(body);
  }

  create(object: T, signal: AbortSignal, options: WriteOptions = {}): Promise<T> {
    const path = collectionPath(this.resource, this.#namespaceOf(object));
    return this.#call("POST", path, this.#typed(object), writeQuery(options), signal);
  }

  /** Replaces the object, if it still has its resourceVersion. */
  update(object: T, signal: AbortSignal, options: WriteOptions = {}): Promise<T> {
    return this.#put(object, undefined, options, signal);
  }

  updateStatus(object: T, signal: AbortSignal, options: WriteOptions = {}): Promise<T> {
    return this.#put(object, "status", options, signal);
  }

  patch(ref: ObjectRef, patch: unknown, options: PatchOptions, signal: AbortSignal): Promise<T> {
    const path = objectPath(this.resource, ref, options.subresource);
    const request = { method: "PATCH", path, query: writeQuery(options), body: patch } as const;
    return this.#requests.json({ ...request, bodyType: patchTypes[options.type] }, signal);
  }

  /** Server-side apply: the fields that are there become the manager's, with these values. */
  apply(object: T, options: ApplyOptions, signal: AbortSignal): Promise<T> {
    const query = { ...writeQuery(options), force: options.force };
    const path = objectPath(this.resource, refOf(object), options.subresource);
    const request = { method: "PATCH", path, query, body: this.#typed(object) } as const;
    return this.#requests.json({ ...request, bodyType: "application/apply-patch+yaml" }, signal);
  }

  /** The object when it lingers, else a Status of success. */
  delete(ref: ObjectRef, options: DeleteOptions, signal: AbortSignal): Promise<T | Status> {
    const body = { kind: "DeleteOptions", apiVersion: "v1", ...options };
    return this.#call("DELETE", objectPath(this.resource, ref), body, {}, signal);
  }

  async deleteCollection(selection: ListOptions, options: DeleteOptions, signal: AbortSignal): Promise<void> {
    const { namespace, ...query } = selection;
    const body = { kind: "DeleteOptions", apiVersion: "v1", ...options };
    await this.#call("DELETE", collectionPath(this.resource, namespace), body, query, signal);
  }

  getSubresource<S>(ref: ObjectRef, subresource: string, signal: AbortSignal): Promise<S> {
    return this.#call("GET", objectPath(this.resource, ref, subresource), undefined, {}, signal);
  }

  /** Posts to a subresource, e.g. `binding`, `eviction`, `token`. */
  createSubresource<S>(ref: ObjectRef, subresource: string, body: unknown, signal: AbortSignal): Promise<S> {
    return this.#call("POST", objectPath(this.resource, ref, subresource), body, {}, signal);
  }

  updateSubresource<S>(ref: ObjectRef, subresource: string, body: unknown, signal: AbortSignal): Promise<S> {
    return this.#call("PUT", objectPath(this.resource, ref, subresource), body, {}, signal);
  }

  #put(object: T, subresource: string | undefined, options: WriteOptions, signal: AbortSignal): Promise<T> {
    const path = objectPath(this.resource, refOf(object), subresource);
    return this.#call("PUT", path, this.#typed(object), writeQuery(options), signal);
  }

  #call<R>(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    body: unknown,
    query: object,
    signal: AbortSignal,
  ): Promise<R> {
    const request = { method, path, query: query as Query };
    return this.#requests.json(body === undefined ? request : { ...request, body }, signal);
  }

  #typed(object: T): T {
    return { ...object, apiVersion: apiVersionOf(this.resource), kind: this.resource.kind };
  }

  #namespaceOf(object: T): string | undefined {
    return this.resource.isNamespaced ? object.metadata.namespace : undefined;
  }
}

function refOf(object: KubeObject): ObjectRef {
  return { namespace: object.metadata.namespace, name: object.metadata.name ?? "" };
}

function writeQuery({ fieldManager, dryRun }: WriteOptions): Query {
  return { fieldManager, dryRun: dryRun === true ? "All" : undefined };
}
