import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";

export interface ReadyEndpoint {
  readonly host: string;
  readonly port: number;
}

/** Where a port of a service is served by what is ready. A port that is the only one may have no name. */
export function readyEndpoints(
  objects: ObjectReader,
  service: { readonly namespace: string; readonly name: string },
  portName = "",
): readonly ReadyEndpoint[] {
  return Array.from(objects.list<EndpointSlice>("endpointslices.discovery.k8s.io", service.namespace))
    .filter(({ metadata: { labels } }) => labels?.["kubernetes.io/service-name"] === service.name)
    .flatMap(({ endpoints, ports }) => {
      const port = ports?.find(({ name = "" }) => name === portName)?.port;
      if (port === undefined) return [];
      return (endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready !== false)
        .flatMap(({ addresses }) => addresses.map((host) => ({ host, port })));
    });
}
