import { type KeyObject, sign } from "node:crypto";
import type { Digest } from "#oci/digest.ts";
import { hintOf } from "./public-key.ts";
import { dsseEncoding } from "./sigstore-bundle.ts";
import { simpleSigningOf } from "./simple-signing.ts";
import { statementOf, statementType } from "./statement.ts";

/** Who signs: a private key, its public half, and where an authority vouches for it, certificates in DER with the leaf first. */
export interface Signer {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly certificates?: readonly Uint8Array[];
}

/** A Sigstore bundle, version 0.3, that says "this image, by this name". What `cosign verify` of version 3 accepts. */
export function signBundle(signer: Signer, digest: Digest, reference: string): Buffer {
  return bundleOf(signer, statementType, statementOf(digest, reference));
}

/** A bundle around any payload. */
export function bundleOf(signer: Signer, payloadType: string, payload: Buffer): Buffer {
  const signature = signWith(signer.privateKey, dsseEncoding(payloadType, payload));
  return Buffer.from(
    JSON.stringify({
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: materialOf(signer),
      dsseEnvelope: {
        payload: payload.toString("base64"),
        payloadType,
        signatures: [{ sig: signature.toString("base64") }],
      },
    }),
  );
}

/** As a bundle's `verificationMaterial`. */
export function materialOf({ certificates: [leaf] = [], publicKey }: Signer): object {
  if (leaf === undefined) return { publicKey: { hint: hintOf(publicKey) } };
  return { certificate: { rawBytes: Buffer.from(leaf).toString("base64") } };
}

/** Cosign's older form: a payload and its signature in base64. */
export function signSimple(
  signer: Signer,
  digest: Digest,
  reference: string,
): { readonly payload: Buffer; readonly signature: string } {
  const payload = simpleSigningOf(digest, reference);
  return { payload, signature: signWith(signer.privateKey, payload).toString("base64") };
}

/** ECDSA and RSA over SHA-256, Ed25519 over the data itself. */
export function signWith(key: KeyObject, data: Uint8Array): Buffer {
  return sign(key.asymmetricKeyType === "ed25519" ? null : "sha256", data, key);
}
