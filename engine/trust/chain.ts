import { Fault } from "#base/fault.ts";
import { type Certificate, codeSigning, keyUsages } from "./certificate.ts";

const MAX_DEPTH = 8;

/**
 * Finds a way from the leaf through `intermediates` to one of `roots`, all of it valid at `at` (milliseconds since 1970): each
 * certificate signed by the key of an authority that may sign certificates and whose limit of length holds. A leaf that is itself
 * among the roots is a way too. Returns the way, the leaf first.
 *
 * @throws {Fault} `invalid` with what is wrong with the last way that was tried
 * @see RFC 5280, 6.1
 */
export function verifyChain(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  roots: readonly Certificate[],
  at: number,
): readonly Certificate[] {
  checkValidity(leaf, at);
  if (isAmong(leaf, roots)) return [leaf];
  return search([leaf], intermediates, roots, at);
}

function search(
  way: readonly Certificate[],
  intermediates: readonly Certificate[],
  roots: readonly Certificate[],
  at: number,
): readonly Certificate[] {
  const last = way.at(-1) as Certificate;
  let failure = new Fault("invalid", "its certificate leads to no trusted authority");
  if (way.length > MAX_DEPTH) throw failure;
  for (const issuer of [...roots, ...intermediates]) {
    if (way.includes(issuer) || !isIssuedBy(last, issuer)) continue;
    try {
      checkIssuer(issuer, way.length - 1);
      checkValidity(issuer, at);
      const longer = [...way, issuer];
      return isAmong(issuer, roots) ? longer : search(longer, intermediates, roots, at);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      failure = error;
    }
  }
  throw failure;
}

function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  return certificate.x509.checkIssued(issuer.x509) && certificate.x509.verify(issuer.x509.publicKey);
}

function checkIssuer(issuer: Certificate, below: number): void {
  if (!issuer.isAuthority) throw new Fault("invalid", "a certificate was issued by one that is no authority");
  if (issuer.keyUsage !== undefined && !issuer.keyUsage.has(keyUsages.keyCertSign))
    throw new Fault("invalid", "an authority of its certificate may not sign certificates");
  if (issuer.pathLength !== undefined && below > issuer.pathLength)
    throw new Fault("invalid", "the chain of its certificate is longer than an authority in it allows");
}

function checkValidity({ notBefore, notAfter }: Certificate, at: number): void {
  if (at < notBefore) throw new Fault("invalid", "its certificate, or one above it, was not valid yet");
  if (at > notAfter) throw new Fault("invalid", "its certificate, or one above it, had expired");
}

function isAmong(certificate: Certificate, list: readonly Certificate[]): boolean {
  return list.some((other) => other.x509.raw.equals(certificate.x509.raw));
}

/** @throws {Fault} `invalid` for a certificate that was not made to sign software with */
export function checkSigner(leaf: Certificate): void {
  if (leaf.isAuthority) throw new Fault("invalid", "it was made with the certificate of an authority");
  if (leaf.keyUsage !== undefined && !leaf.keyUsage.has(keyUsages.digitalSignature))
    throw new Fault("invalid", "its certificate is not for digital signatures");
  if (leaf.extendedKeyUsage !== undefined && !leaf.extendedKeyUsage.includes(codeSigning))
    throw new Fault("invalid", "its certificate is not for code signing");
}
