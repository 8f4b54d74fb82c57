import type { CertificateSigningRequest } from "#api/kube/types/certificates.ts";
import type { Node } from "#api/kube/types/core.ts";
import { isFault } from "#base/fault.ts";
import { parseSigningRequest, type SigningRequest } from "#host/x509/signing-request.ts";
import { checkForSigner } from "./signers.ts";

/** What would let a request be approved, if who asks may. */
export interface Approval {
  /** Of `certificatesigningrequests`: who may create it may have the certificate. Absent: the request is proof enough. */
  readonly permission?: "nodeclient" | "selfnodeclient";
  readonly message: string;
}

/**
 * Which requests of nodes are approved without an administrator: for client certificates of theirs, and for serving certificates for
 * the addresses that their Node has. Undefined for all others.
 */
export function planApproval(
  { spec }: CertificateSigningRequest,
  findNode: (name: string) => Node | undefined,
): Approval | undefined {
  const request = checked(spec);
  if (request === undefined) return undefined;
  const isSelf = spec.username === request.subject.commonName;
  switch (spec.signerName) {
    case "kubernetes.io/kube-apiserver-client-kubelet":
      return isSelf
        ? {
            permission: "selfnodeclient",
            message: "Auto approving self kubelet client certificate after SubjectAccessReview.",
          }
        : {
            permission: "nodeclient",
            message: "Auto approving kubelet client certificate after SubjectAccessReview.",
          };
    case "kubernetes.io/kubelet-serving":
      return isSelf && (spec.groups ?? []).includes("system:nodes") && isOfNode(request, findNode)
        ? { message: "Auto approving kubelet serving certificate for the addresses of its node." }
        : undefined;
    default:
      return undefined;
  }
}

function checked({
  signerName,
  usages = [],
  request,
}: CertificateSigningRequest["spec"]): SigningRequest | undefined {
  try {
    const parsed = parseSigningRequest(Buffer.from(request, "base64").toString("latin1"));
    checkForSigner(signerName, usages, parsed);
    return parsed;
  } catch (error) {
    if (isFault(error, "invalid")) return undefined;
    throw error;
  }
}

function isOfNode(
  { subject, dnsNames, addresses }: SigningRequest,
  findNode: (name: string) => Node | undefined,
): boolean {
  const node = findNode(subject.commonName.slice("system:node:".length));
  if (node === undefined) return false;
  const known = new Set((node.status?.addresses ?? []).map(({ address }) => address.toLowerCase()));
  known.add((node.metadata.name ?? "").toLowerCase());
  return [...dnsNames, ...addresses].every((name) => known.has(name.toLowerCase()));
}
