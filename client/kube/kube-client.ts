import type { KubeObject } from "#api/kube/meta.ts";
import type { Transport } from "../transport.ts";
import { type KubeClientOptions, KubeRequests } from "./kube-requests.ts";
import type { KubeResource } from "./kube-resource.ts";
import { ResourceClient } from "./resource-client.ts";

/** A Kubernetes API, typed. */
export interface KubeClient {
  /** The calls of a resource. */
  of<T extends KubeObject>(resource: KubeResource<T>): ResourceClient<T>;
  /** The requests below, for what is no resource: discovery, `/version`, `/readyz`. */
  readonly requests: KubeRequests;
}

export function kubeClient(transport: Transport, options: KubeClientOptions): KubeClient {
  const requests = new KubeRequests(transport, options);
  const clients = new Map<KubeResource, unknown>();
  return {
    requests,
    of<T extends KubeObject>(resource: KubeResource<T>): ResourceClient<T> {
      const known = clients.get(resource);
      if (known !== undefined) return known as ResourceClient<T>;
      const made = new ResourceClient<T>(requests, resource);
      clients.set(resource, made);
      return made;
    },
  };
}
