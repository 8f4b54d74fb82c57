import type { Strategy } from "#orchestrator/machinery/resource.ts";
import { countsChanges, keepsStatus } from "../parts.ts";
import { defaultEndpointSlice, defaultEndpoints, defaultNetworkPolicy } from "./defaults.ts";
import { serviceErrors, serviceUpdateErrors } from "./check-service.ts";
import { serviceStrategy } from "./service.ts";

export const networkStrategies: Readonly<Record<string, Strategy>> = {
  services: { ...serviceStrategy, validate: serviceErrors, validateUpdate: serviceUpdateErrors },
  endpoints: { default: defaultEndpoints, canCreateOnUpdate: true },
  "endpointslices.discovery.k8s.io": {
    default: defaultEndpointSlice,
    ...countsChanges(["endpoints", "ports", "addressType"]),
  },
  "ingresses.networking.k8s.io": keepsStatus({ initial: () => ({ loadBalancer: {} }) }),
  "ingressclasses.networking.k8s.io": countsChanges(["spec"]),
  "networkpolicies.networking.k8s.io": { default: defaultNetworkPolicy, ...countsChanges(["spec"]) },
  "servicecidrs.networking.k8s.io": keepsStatus({ counts: [] }),
};
