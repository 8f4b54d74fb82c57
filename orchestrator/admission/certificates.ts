import { isFault } from "#base/fault.ts";
import type { CertificateSigningRequest } from "#api/kube/types/certificates.ts";
import { parseSigningRequest } from "#host/x509/signing-request.ts";
import type { User } from "#orchestrator/authn/user.ts";
import type { Authorizer } from "#orchestrator/authz/authorizer.ts";
import type { Admission, AdmissionPlugin } from "./plugin.ts";
import { isCreate, isFor, objectOf, refuse } from "./support.ts";

const group = "certificates.k8s.io";
const requests = `certificatesigningrequests.${group}`;

/** Who may approve requests for certificates of a signer. */
export function certificateApproval(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: "CertificateApproval",
    async validate(request) {
      if (request.operation !== "UPDATE" || !isFor(request, requests, "approval")) return;
      check(authorizer, request, "approve");
    },
  };
}

/** Who may give out certificates of a signer, or say that it failed. */
export function certificateSigning(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: "CertificateSigning",
    async validate(request) {
      if (request.operation !== "UPDATE" || !isFor(request, requests, "status")) return;
      const { status } = objectOf<CertificateSigningRequest>(request);
      const before = (request.old as unknown as CertificateSigningRequest | undefined)?.status;
      const isSame =
        (status?.certificate ?? "") === (before?.certificate ?? "") &&
        JSON.stringify(status?.conditions ?? []) === JSON.stringify(before?.conditions ?? []);
      if (!isSame) check(authorizer, request, "sign");
    },
  };
}

/** Nobody gets a certificate for the group that may do everything; and what is written of who asks is true. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: "CertificateSubjectRestriction",
  async admit(request) {
    if (!isCreate(request, requests)) return;
    const { spec } = objectOf<CertificateSigningRequest>(request);
    const { name, uid, groups, extra } = request.user;
    spec.username = name;
    spec.groups = [...groups];
    if (uid === undefined || uid === "") delete spec.uid;
    else spec.uid = uid;
    if (extra === undefined) delete spec.extra;
    else spec.extra = Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
  },
  async validate(request) {
    if (!isCreate(request, requests)) return;
    const { spec } = objectOf<CertificateSigningRequest>(request);
    if (spec.signerName !== "kubernetes.io/kube-apiserver-client") return;
    if (organizationsIn(spec.request).includes("system:masters"))
      throw refuse(
        request,
        "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed",
      );
  },
};

/** None of what is no request: its own validation says so. */
function organizationsIn(encoded: string): readonly string[] {
  try {
    return parseSigningRequest(Buffer.from(encoded, "base64").toString("latin1")).subject.organizations;
  } catch (error) {
    if (isFault(error, "invalid")) return [];
    throw error;
  }
}

function check(authorizer: Authorizer, request: Admission, verb: "approve" | "sign"): void {
  const { signerName } = objectOf<CertificateSigningRequest>(request).spec;
  if (maySign(authorizer, request.user, verb, signerName)) return;
  throw refuse(
    request,
    `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`,
  );
}

/** For the signer itself, or all of its domain. */
function maySign(authorizer: Authorizer, user: User, verb: string, signerName: string): boolean {
  const [domain = ""] = signerName.split("/");
  return [signerName, `${domain}/*`].some(
    (name) =>
      authorizer.authorize({ user, verb, type: "resource", group, version: "*", resource: "signers", name })
        .is === "allowed",
  );
}
