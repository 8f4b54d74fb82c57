import type { CertificateSigningRequest } from "#api/kube/types/certificates.ts";
import { Fault } from "#base/fault.ts";
import type { ExtendedKeyUsage, KeyUsage } from "#host/x509/certificate.ts";
import type { SigningRequest } from "#host/x509/signing-request.ts";

type Usages = NonNullable<CertificateSigningRequest["spec"]["usages"]>;

/** What a signer of the cluster lets into its certificates. */
interface Signer {
  readonly allowed: readonly string[];
  readonly required: readonly string[];
  check(request: SigningRequest): void;
}

const client: Signer = {
  allowed: ["digital signature", "key encipherment", "client auth"],
  required: ["client auth"],
  check() {},
};

/** @see Kubernetes, Certificate Signing Requests: Kubernetes signers */
const signers: Readonly<Record<string, Signer>> = {
  "kubernetes.io/kube-apiserver-client": client,
  "kubernetes.io/kube-apiserver-client-kubelet": {
    ...client,
    required: ["digital signature", "client auth"],
    check(request) {
      checkNode(request);
      if (
        [request.dnsNames, request.addresses, request.emails, request.uris].some((names) => names.length > 0)
      )
        throw new Fault("invalid", "DNS, IP, email and URI subjectAltNames are not allowed");
    },
  },
  "kubernetes.io/kubelet-serving": {
    allowed: ["digital signature", "key encipherment", "server auth"],
    required: ["digital signature", "server auth"],
    check(request) {
      checkNode(request);
      if (request.dnsNames.length === 0 && request.addresses.length === 0)
        throw new Fault("invalid", "at least one DNS or IP subjectAltName is required");
      if (request.emails.length > 0 || request.uris.length > 0)
        throw new Fault("invalid", "email and URI subjectAltNames are not allowed");
    },
  },
  "kubernetes.io/legacy-unknown": { allowed: [], required: [], check() {} },
};

export function isOwnSigner(name: string): boolean {
  return Object.hasOwn(signers, name);
}

/**
 * Checks a request for one of the cluster's signers and tells what its certificate may be used for.
 *
 * @throws {Fault} `invalid` for what the signer does not sign
 */
export function checkForSigner(
  signerName: string,
  usages: Usages,
  request: SigningRequest,
): readonly (KeyUsage | ExtendedKeyUsage)[] {
  const signer = signers[signerName];
  if (signer === undefined) throw new Fault("invalid", `unknown signer ${signerName}`);
  const wanted = usages.map((usage) => (usage === "signing" ? "digital signature" : usage));
  const surplus = wanted.filter((usage) => signer.allowed.length > 0 && !signer.allowed.includes(usage));
  const missing = signer.required.filter((usage) => !wanted.some((one) => one === usage));
  if (surplus.length > 0 || missing.length > 0)
    throw new Fault("invalid", `usages did not match ${JSON.stringify(signer.allowed)}`);
  signer.check(request);
  return wanted as readonly (KeyUsage | ExtendedKeyUsage)[];
}

function checkNode({ subject }: SigningRequest): void {
  if (subject.organizations.length !== 1 || subject.organizations[0] !== "system:nodes")
    throw new Fault("invalid", "subject organization is not system:nodes");
  if (!subject.commonName.startsWith("system:node:"))
    throw new Fault("invalid", "subject common name does not begin with system:node:");
}
