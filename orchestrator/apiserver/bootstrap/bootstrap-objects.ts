import type { Draft } from "#orchestrator/machinery/resource.ts";

export interface BootstrapObject {
  /** Of the collection it belongs to. */
  readonly path: string;
  readonly object: Draft & { readonly metadata: Draft & { readonly name: string } };
}

export interface ClusterFacts {
  readonly serviceRange: string;
  /** PEM; who vouches for clients, and for who speaks for them. */
  readonly authority: string;
  readonly frontProxyAuthority: string;
}

export interface OwnServiceFacts {
  /** Where nodes and pods reach the API: of each of its servers. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Of the `kubernetes` service. */
  readonly serviceAddress: string;
}

/** What every cluster has from the start, in the order in which it is made. */
export function clusterObjects(facts: ClusterFacts): readonly BootstrapObject[] {
  return [...namespaces(), ...priorityClasses(), ...ranges(facts), ...authentication(facts)];
}

function namespaces(): readonly BootstrapObject[] {
  return ["default", "kube-system", "kube-public", "kube-node-lease"].map((name) => ({
    path: "/api/v1/namespaces",
    object: { apiVersion: "v1", kind: "Namespace", metadata: { name } },
  }));
}

const critical = [
  [
    "system-node-critical",
    2_000_001_000,
    "Used for system critical pods that must not be moved from their current node.",
  ],
  [
    "system-cluster-critical",
    2_000_000_000,
    "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
  ],
] as const;

function priorityClasses(): readonly BootstrapObject[] {
  return critical.map(([name, value, description]) => ({
    path: "/apis/scheduling.k8s.io/v1/priorityclasses",
    object: {
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: { name },
      value,
      description,
      preemptionPolicy: "PreemptLowerPriority",
    },
  }));
}

function ranges({ serviceRange }: ClusterFacts): readonly BootstrapObject[] {
  return [
    {
      path: "/apis/networking.k8s.io/v1/servicecidrs",
      object: {
        apiVersion: "networking.k8s.io/v1",
        kind: "ServiceCIDR",
        metadata: { name: "kubernetes" },
        spec: { cidrs: [serviceRange] },
      },
    },
  ];
}

/** How API servers that others add tell who asks them. @see Kubernetes, configure the aggregation layer */
function authentication({ authority, frontProxyAuthority }: ClusterFacts): readonly BootstrapObject[] {
  const namespace = "kube-system";
  const name = "extension-apiserver-authentication";
  const data = {
    "client-ca-file": authority,
    "requestheader-allowed-names": '["front-proxy-client"]',
    "requestheader-client-ca-file": frontProxyAuthority,
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-uid-headers": '["X-Remote-Uid"]',
    "requestheader-username-headers": '["X-Remote-User"]',
  };
  return [
    {
      path: `/api/v1/namespaces/${namespace}/configmaps`,
      object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data },
    },
  ];
}

const labels = { component: "apiserver", provider: "kubernetes" };

/** The service by which pods find the API. */
export function ownService({ addresses, port, serviceAddress }: OwnServiceFacts): readonly BootstrapObject[] {
  const ports = [{ name: "https", port, protocol: "TCP" }];
  return [
    {
      path: "/api/v1/namespaces/default/services",
      object: {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "kubernetes", namespace: "default", labels },
        spec: {
          type: "ClusterIP",
          clusterIP: serviceAddress,
          sessionAffinity: "None",
          ports: [{ name: "https", port: 443, protocol: "TCP", targetPort: port }],
        },
      },
    },
    {
      path: "/api/v1/namespaces/default/endpoints",
      object: {
        apiVersion: "v1",
        kind: "Endpoints",
        metadata: {
          name: "kubernetes",
          namespace: "default",
          labels: { "endpointslice.kubernetes.io/skip-mirror": "true" },
        },
        subsets: [{ addresses: addresses.map((ip) => ({ ip })), ports }],
      },
    },
    {
      path: "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
      object: {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: {
          name: "kubernetes",
          namespace: "default",
          labels: { "kubernetes.io/service-name": "kubernetes" },
        },
        addressType: "IPv4",
        endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
        ports,
      },
    },
  ];
}
