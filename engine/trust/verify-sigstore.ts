import type { KeyObject } from "node:crypto";
import { Fault } from "#base/fault.ts";
import type { Digest } from "#oci/digest.ts";
import { fromBase64 } from "./base64.ts";
import { type Certificate, parseCertificate, parsePemCertificates } from "./certificate.ts";
import { checkSigner, verifyChain } from "./chain.ts";
import type { Claim, Subjects } from "./claim.ts";
import { checkKey, isSignedBy } from "./public-key.ts";
import type { FoundSignature } from "./signature-source.ts";
import { dsseEncoding, parseSigstoreBundle, type SigstoreBundle } from "./sigstore-bundle.ts";
import { parseSimpleSigning } from "./simple-signing.ts";
import { claimsOfStatement } from "./statement.ts";

/** Whose signatures count: those of any of the keys, or of certificates under an authority that name a person or host. */
export type SigstoreAnchor =
  | { readonly kind: "keys"; readonly keys: readonly KeyObject[] }
  | {
      readonly kind: "pki";
      readonly roots: readonly Certificate[];
      readonly intermediates: readonly Certificate[];
      readonly subjectEmail?: string;
      readonly subjectHostname?: string;
    };

/**
 * What a signature in one of Sigstore's formats says, when the anchor stands behind it. Nothing in it is believed before that.
 *
 * @param now milliseconds since 1970: certificates must be valid then, since nobody else vouches for an earlier time
 * @throws {Fault} `invalid` with why it does not count
 */
export async function verifySigstore(
  found: FoundSignature,
  anchor: SigstoreAnchor,
  subjects: Subjects,
  now: number,
): Promise<readonly Claim[]> {
  switch (found.format) {
    case "sigstore-bundle":
      return await verifyBundle(parseSigstoreBundle(found.bytes), anchor, subjects, now);
    case "simple-signing": {
      const chain = [found.certificate, found.chain].flatMap((pem) =>
        pem === undefined ? [] : parsePemCertificates(pem),
      );
      const keys = keysOf(anchor, chain, now);
      checkSignature(keys, found.payload, [fromBase64(found.signature, "signature")]);
      return [parseSimpleSigning(found.payload)];
    }
    case "notation-jws":
    case "notation-cose":
      throw new Fault("invalid", "it is one of Notation's, which this policy does not speak of");
    case "unsupported":
      throw new Fault("invalid", `its format ${found.mediaType.slice(0, 100)} is not supported`);
    default:
      return found satisfies never;
  }
}

async function verifyBundle(
  { signer, content }: SigstoreBundle,
  anchor: SigstoreAnchor,
  subjects: Subjects,
  now: number,
): Promise<readonly Claim[]> {
  const chain = signer.kind === "certificates" ? signer.chain.map(parseCertificate) : [];
  const keys = keysOf(anchor, chain, now);
  if (content.kind === "dsse") {
    const { payloadType, payload, signatures } = content;
    checkSignature(keys, dsseEncoding(payloadType, payload), signatures);
    return claimsOfStatement(payloadType, payload);
  }
  const digest: Digest | undefined = subjects.digests.find(
    (one) => one === `sha256:${content.digest.toString("hex")}`,
  );
  if (digest === undefined) throw new Fault("invalid", "it is over something else");
  checkSignature(keys, await subjects.read(digest), [content.signature]);
  return [{ digest }];
}

function keysOf(
  anchor: SigstoreAnchor,
  [leaf, ...rest]: readonly Certificate[],
  now: number,
): readonly KeyObject[] {
  if (anchor.kind === "keys") return anchor.keys;
  if (leaf === undefined) throw new Fault("invalid", "it has no certificate");
  checkSigner(leaf);
  verifyChain(leaf, [...anchor.intermediates, ...rest], anchor.roots, now);
  const { subjectEmail, subjectHostname } = anchor;
  if (subjectEmail !== undefined && !leaf.emails.includes(subjectEmail))
    throw new Fault("invalid", `its certificate is not one of ${subjectEmail}`);
  if (subjectHostname !== undefined && !leaf.hostnames.includes(subjectHostname))
    throw new Fault("invalid", `its certificate is not one of ${subjectHostname}`);
  checkKey(leaf.x509.publicKey);
  return [leaf.x509.publicKey];
}

function checkSignature(
  keys: readonly KeyObject[],
  data: Uint8Array,
  signatures: readonly Uint8Array[],
): void {
  if (!keys.some((key) => signatures.some((signature) => isSignedBy(key, data, signature))))
    throw new Fault("invalid", "it was not made with a trusted key, or not over this");
}
