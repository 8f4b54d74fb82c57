import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import type { IndexedCache } from "./indexed-cache.ts";

const byService = "service";

/** The name of the service that a slice belongs to; empty for none. */
export function serviceNameOf({ metadata }: EndpointSlice): string {
  return metadata.labels?.["kubernetes.io/service-name"] ?? "";
}

/** The service of a slice, as a key. */
export function serviceOfSlice(slice: EndpointSlice): string {
  return `${slice.metadata.namespace ?? ""}/${serviceNameOf(slice)}`;
}

/** Finds the slices of a service by its key. */
export function slicesByService(
  slices: IndexedCache<EndpointSlice>,
): (key: string) => readonly EndpointSlice[] {
  slices.addIndex(byService, (slice) => [serviceOfSlice(slice)]);
  return (key) => [...slices.by(byService, key)];
}
