import type { Subject } from "#base/distinguished-name.ts";
import type { ExtendedKeyUsage } from "#host/x509/certificate.ts";

/** A certificate that one part of the cluster shows the others. */
export interface IdentityPlan {
  readonly subject: Subject;
  readonly usage: ExtendedKeyUsage;
  /** DNS names and addresses. */
  readonly names: readonly string[];
  readonly authority: "cluster" | "front proxy";
}

/** Their files are `<name>.crt` and `<name>.key`. */
export const identityNames = [
  "apiserver",
  "apiserver-kubelet-client",
  "front-proxy-client",
  "admin",
  "controller-manager",
  "scheduler",
  "kubelet-client",
  "kubelet",
] as const;

export type IdentityName = (typeof identityNames)[number];

export interface ClusterNames {
  readonly hostname: string;
  /** What the node of this machine is called. */
  readonly nodeName: string;
  /** Addresses at which the API server and the node agent are reached, beside the loopback's. */
  readonly addresses: readonly string[];
}

/** The address of the `kubernetes` service. */
const serviceAddress = "10.96.0.1";
const serviceNames = [
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
];

/** Who there is, with the names that upstream gives them. */
export function planIdentities({
  hostname,
  nodeName,
  addresses,
}: ClusterNames): Readonly<Record<IdentityName, IdentityPlan>> {
  const client = (commonName: string, ...organizations: readonly string[]): IdentityPlan => ({
    subject: { commonName, organizations },
    usage: "client auth",
    names: [],
    authority: "cluster",
  });
  const server = (subject: Subject, names: readonly string[]): IdentityPlan => ({
    subject,
    usage: "server auth",
    names: [...new Set(names)],
    authority: "cluster",
  });
  const local = ["localhost", "127.0.0.1", "::1"];
  return {
    apiserver: server({ commonName: "kube-apiserver", organizations: [] }, [
      ...local,
      ...serviceNames,
      serviceAddress,
      hostname,
      nodeName,
      ...addresses,
    ]),
    "apiserver-kubelet-client": client("kube-apiserver-kubelet-client", "system:masters"),
    "front-proxy-client": { ...client("front-proxy-client"), authority: "front proxy" },
    admin: client("kubernetes-admin", "system:masters"),
    "controller-manager": client("system:kube-controller-manager"),
    scheduler: client("system:kube-scheduler"),
    "kubelet-client": client(`system:node:${nodeName}`, "system:nodes"),
    kubelet: server({ commonName: `system:node:${nodeName}`, organizations: ["system:nodes"] }, [
      ...local,
      hostname,
      nodeName,
      ...addresses,
    ]),
  };
}
