import type { KubeObject } from "#api/kube/meta.ts";
import type { KubeClient } from "./kube-client.ts";
import { KubeRequests } from "./kube-requests.ts";
import type { KubeResource } from "./kube-resource.ts";
import { ResourceClient } from "./resource-client.ts";

const one = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const list = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/** The calls of a resource for who needs only metadata: that is all that objects of lists, watches and gets have. */
export function metadataClient(kube: KubeClient, resource: KubeResource): ResourceClient<KubeObject> {
  const requests = new KubeRequests(kube.requests.transport, {
    ...kube.requests.options,
    accept: `${list},${one},application/json`,
  });
  return new ResourceClient(requests, resource);
}
