import { X509Certificate } from "node:crypto";
import type { CertificateSigningRequest } from "#api/kube/types/certificates.ts";
import { type Issuer, issueCertificate } from "#host/x509/certificate.ts";
import { parseSigningRequest } from "#host/x509/signing-request.ts";
import { checkForSigner } from "./signers.ts";

const MOST_S = 365 * 24 * 3600;
const LEAST_S = 600;
/** How far others' clocks may be behind. */
const SKEW_MS = 300_000;

/**
 * The certificate for an approved request, as PEM: its names and its key, for as long as it asks, at most a year and no longer than the
 * authority lasts.
 *
 * @throws {Fault} `invalid` for what the signer does not sign
 */
export function signRequest({ spec }: CertificateSigningRequest, issuer: Issuer, now: Date): string {
  const request = parseSigningRequest(Buffer.from(spec.request, "base64").toString("latin1"));
  const usages = checkForSigner(spec.signerName, spec.usages ?? [], request);
  const seconds = Math.min(MOST_S, Math.max(LEAST_S, spec.expirationSeconds ?? MOST_S));
  const endMs = Math.min(now.getTime() + seconds * 1000, issuer.certificate.validToDate.getTime());
  return issueCertificate(
    {
      subject: request.subject,
      publicKey: request.publicKey,
      usages,
      names: [...request.dnsNames, ...request.addresses],
      emails: request.emails,
      uris: request.uris,
      notBefore: new Date(now.getTime() - SKEW_MS),
      notAfter: new Date(endMs),
    },
    issuer,
  );
}

const HOUR_MS = 3_600_000;

/** When a request has served and goes: a pending one after a day, a refused or an issued one after an hour; undefined for one that waits to be signed. */
export function removalOf({ metadata, status }: CertificateSigningRequest): number | undefined {
  const createdMs = Date.parse(metadata.creationTimestamp ?? "");
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) return createdMs + 24 * HOUR_MS;
  const end = endOf(status?.certificate);
  const sinceOf = (type: string) => {
    const found = conditions.find((one) => one.type === type);
    return found === undefined ? undefined : Date.parse(found.lastUpdateTime ?? "") || createdMs;
  };
  const decidedMs =
    sinceOf("Denied") ?? sinceOf("Failed") ?? (end === undefined ? undefined : sinceOf("Approved"));
  if (decidedMs === undefined) return undefined;
  return Math.min(decidedMs + HOUR_MS, end ?? Number.POSITIVE_INFINITY);
}

function endOf(certificate: string | undefined): number | undefined {
  if (certificate === undefined || certificate === "") return undefined;
  try {
    return new X509Certificate(Buffer.from(certificate, "base64")).validToDate.getTime();
  } catch {
    return undefined;
  }
}
