import type { Service } from "#api/kube/types/core.ts";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import { isStatus } from "#api/kube/status.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import { endpointSlices, services } from "#client/kube/resources.ts";

const namespace = "kube-system";
const name = "kube-dns";

/**
 * Makes the service that pods ask for names, where there is none, and the slice that says who answers: each node's own agent, at
 * the service's own address. May be repeated.
 */
export async function ensureDnsService(
  kube: KubeClient,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  const ignoreExisting = (error: unknown) => {
    if (!isStatus(error, "AlreadyExists")) throw error;
  };
  await kube.of(services).create(dnsService(address), signal).catch(ignoreExisting);
  await kube.of(endpointSlices).create(dnsSlice(address), signal).catch(ignoreExisting);
}

function dnsService(address: string): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      namespace,
      labels: {
        "k8s-app": name,
        "kubernetes.io/cluster-service": "true",
        "kubernetes.io/name": "CoreDNS", // what tools look for, whoever answers
      },
    },
    spec: {
      type: "ClusterIP",
      clusterIP: address,
      ports: [
        { name: "dns", port: 53, protocol: "UDP", targetPort: 53 },
        { name: "dns-tcp", port: 53, protocol: "TCP", targetPort: 53 },
      ],
    },
  };
}

function dnsSlice(address: string): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name,
      namespace,
      labels: {
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": "gantry-agent",
      },
    },
    addressType: "IPv4",
    endpoints: [{ addresses: [address], conditions: { ready: true, serving: true, terminating: false } }],
    ports: [
      { name: "dns", port: 53, protocol: "UDP" },
      { name: "dns-tcp", port: 53, protocol: "TCP" },
    ],
  };
}
