import type { KubeObject } from "#api/kube/meta.ts";
import type { APIService, APIServiceCondition } from "#api/kube/types/apiregistration.ts";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import { type ReadyEndpoint, readyEndpoints } from "../connect/ready-endpoints.ts";

interface Service extends KubeObject {
  readonly spec?: {
    readonly ports?: readonly { readonly name?: string; readonly port: number }[];
  };
}

export type Verdict = Pick<APIServiceCondition, "status" | "reason" | "message">;

const unavailable = (reason: string, message: string): Verdict => ({ status: "False", reason, message });
export const passed: Verdict = { status: "True", reason: "Passed", message: "all checks passed" };
export const local: Verdict = {
  status: "True",
  reason: "Local",
  message: "Local APIServices are always available",
};

/** Where an APIService is served, or why nowhere, in upstream's words. */
export function endpointsOf(
  objects: ObjectReader,
  { spec }: APIService,
): { readonly ready: readonly ReadyEndpoint[] } | { readonly verdict: Verdict } {
  const { name = "", namespace = "", port = 443 } = spec.service ?? {};
  const what = `service/${name} in ${JSON.stringify(namespace)}`;
  const service = objects.find<Service>("services", namespace, name);
  if (service === undefined) return { verdict: unavailable("ServiceNotFound", `${what} is not present`) };
  const own = service.spec?.ports?.find((one) => one.port === port);
  if (own === undefined)
    return { verdict: unavailable("ServicePortError", `${what} is not listening on port ${port}`) };
  const ready = readyEndpoints(objects, { namespace, name }, own.name);
  if (ready.length > 0) return { ready };
  const slices = Array.from(objects.list<EndpointSlice>("endpointslices.discovery.k8s.io", namespace));
  if (!slices.some(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name))
    return { verdict: unavailable("EndpointsNotFound", `cannot find endpointslices for ${what}`) };
  const text = `endpointslices for ${what} have no addresses with port name ${JSON.stringify(own.name ?? "")}`;
  return { verdict: unavailable("MissingEndpoints", text) };
}

/** What its conditions become; undefined when they say so already. */
export function conditionsWith(
  { status }: APIService,
  verdict: Verdict,
  now: Date,
): readonly APIServiceCondition[] | undefined {
  const before = status?.conditions ?? [];
  const old = before.find(({ type }) => type === "Available");
  const { status: is, reason, message } = verdict;
  if (old?.status === is && old.reason === reason && old.message === message) return undefined;
  const lastTransitionTime =
    old?.status === is && old.lastTransitionTime !== undefined ? old.lastTransitionTime : timeText(now);
  return [
    ...before.filter(({ type }) => type !== "Available"),
    { type: "Available", lastTransitionTime, ...verdict },
  ];
}
