import type { Namespace, Service } from "#api/kube/types/core.ts";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { serviceNameOf, slicesByService } from "#orchestrator/informers/service-slices.ts";

/** An endpoint that clients are told of. */
export interface NamedEndpoint {
  readonly namespace: string;
  readonly service: string;
  readonly hostname: string;
  readonly address: string;
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
}

/** Where names are looked up: the cluster as it is now. Names in lower case. */
export interface ClusterNames {
  hasNamespace(namespace: string): boolean;
  findService(namespace: string, name: string): Service | undefined;
  /** The service's ready ones. */
  endpointsOf(namespace: string, service: string): readonly NamedEndpoint[];
  /** The service with the cluster IP. */
  serviceAt(address: string): Service | undefined;
  endpointsAt(address: string): readonly NamedEndpoint[];
}

export interface ClusterCaches {
  readonly namespaces: IndexedCache<Namespace>;
  readonly services: IndexedCache<Service>;
  readonly slices: IndexedCache<EndpointSlice>;
}

const byAddress = "address";

/** The names that caches of the API give; they add no copy of their own. */
export function clusterNames({ namespaces, services, slices }: ClusterCaches): ClusterNames {
  services.addIndex(byAddress, clusterIpsOf);
  const slicesOf = slicesByService(slices);
  slices.addIndex(byAddress, ({ endpoints = [] }) => endpoints.flatMap(({ addresses }) => addresses));
  return {
    hasNamespace: (namespace) => namespaces.get(namespace) !== undefined,
    findService: (namespace, name) => services.get(`${namespace}/${name}`),
    endpointsOf: (namespace, service) => slicesOf(`${namespace}/${service}`).flatMap(endpointsIn),
    serviceAt: (address) => [...services.by(byAddress, address)][0],
    endpointsAt: (address) =>
      [...slices.by(byAddress, address)].flatMap(endpointsIn).filter((one) => one.address === address),
  };
}

export function clusterIpsOf({ spec }: Service): readonly string[] {
  const all = spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP]);
  return all.filter((address) => address !== "" && address !== "None");
}

function endpointsIn(slice: EndpointSlice): readonly NamedEndpoint[] {
  const service = serviceNameOf(slice);
  if (slice.addressType === "FQDN" || service === "") return [];
  const ports = (slice.ports ?? []).flatMap(({ name = "", protocol = "TCP", port }) =>
    port === undefined ? [] : [{ name, protocol, port }],
  );
  return (slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready ?? true)
    .flatMap(({ addresses, hostname }) =>
      addresses.map((address) => ({
        namespace: slice.metadata.namespace ?? "",
        service,
        hostname: hostname ?? address.replaceAll(/[.:]/g, "-"),
        address,
        ports,
      })),
    );
}
