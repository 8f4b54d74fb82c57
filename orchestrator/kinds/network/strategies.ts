import {
  endpointSliceErrors,
  endpointSliceUpdateErrors,
  endpointsErrors,
  ingressClassErrors,
  ingressClassUpdateErrors,
  ingressErrors,
  ipAddressErrors,
  networkPolicyErrors,
  serviceCidrErrors,
} from "./check-network.ts";
import type { Strategy } from "#orchestrator/machinery/resource.ts";
import { keepsFields, serviceCidrUpdateErrors } from "../immutable.ts";
import { countsChanges, keepsStatus } from "../parts.ts";
import { defaultEndpointSlice, defaultEndpoints, defaultNetworkPolicy } from "./defaults.ts";
import { serviceErrors, serviceUpdateErrors } from "./check-service.ts";
import { serviceStrategy } from "./service.ts";

export const networkStrategies: Readonly<Record<string, Strategy>> = {
  services: { ...serviceStrategy, validate: serviceErrors, validateUpdate: serviceUpdateErrors },
  endpoints: {
    default: defaultEndpoints,
    warnings: () => ["v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"],
    validate: endpointsErrors,
    canCreateOnUpdate: true,
  },
  "endpointslices.discovery.k8s.io": {
    default: defaultEndpointSlice,
    validate: endpointSliceErrors,
    validateUpdate: endpointSliceUpdateErrors,
    ...countsChanges(["endpoints", "ports", "addressType"]),
  },
  "ingresses.networking.k8s.io": {
    ...keepsStatus({ initial: () => ({ loadBalancer: {} }) }),
    validate: ingressErrors,
  },
  "ingressclasses.networking.k8s.io": {
    ...countsChanges(["spec"]),
    validate: ingressClassErrors,
    validateUpdate: ingressClassUpdateErrors,
  },
  "networkpolicies.networking.k8s.io": {
    default: defaultNetworkPolicy,
    validate: networkPolicyErrors,
    ...countsChanges(["spec"]),
  },
  "servicecidrs.networking.k8s.io": {
    ...keepsStatus({ counts: [] }),
    validate: serviceCidrErrors,
    validateUpdate: serviceCidrUpdateErrors,
  },
  "ipaddresses.networking.k8s.io": { validate: ipAddressErrors, ...keepsFields("spec.parentRef") },
};
