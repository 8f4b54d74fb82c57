import { createHash, createPublicKey, constants, type KeyObject, verify, X509Certificate } from "node:crypto";
import { Fault } from "#base/fault.ts";

const MIN_RSA_BITS = 2048;

/** A public key in PEM: SPKI, or that of a certificate. @throws {Fault} `invalid`, also for kinds that nobody should use */
export function parsePublicKey(pem: string): KeyObject {
  if (/PRIVATE KEY/.test(pem)) throw new Fault("invalid", "a private key stands where a public one is meant");
  let key: KeyObject;
  try {
    key = /BEGIN CERTIFICATE/.test(pem) ? new X509Certificate(pem).publicKey : createPublicKey(pem);
  } catch (error) {
    throw new Fault("invalid", "not a public key in PEM form", { cause: error });
  }
  checkKey(key);
  return key;
}

/** @throws {Fault} `invalid` unless it is ECDSA on a NIST curve, Ed25519, or RSA of 2048 bits or more */
export function checkKey(key: KeyObject): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "ed25519") return;
  if (type === "ec" && hashOfCurve[details?.namedCurve ?? ""] !== undefined) return;
  if ((type === "rsa" || type === "rsa-pss") && (details?.modulusLength ?? 0) >= MIN_RSA_BITS) return;
  throw new Fault("invalid", `unsupported kind of key: ${type ?? "unknown"}`);
}

const hashOfCurve: Readonly<Record<string, string>> = {
  prime256v1: "sha256",
  secp384r1: "sha384",
  secp521r1: "sha512",
};

/**
 * Whether the signature over the data was made with the key, in one of the ways that Sigstore's tools do it: ECDSA in DER form over
 * SHA-256 or the curve's own hash, Ed25519, RSA with PKCS #1 v1.5 or PSS over SHA-256.
 */
export function isSignedBy(key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return verify(null, data, key, signature);
    case "ec": {
      const own = hashOfCurve[key.asymmetricKeyDetails?.namedCurve ?? ""] ?? "sha256";
      return (
        verify("sha256", data, key, signature) || (own !== "sha256" && verify(own, data, key, signature))
      );
    }
    case "rsa":
      return verify("sha256", data, key, signature) || verify("sha256", data, pss(key), signature);
    case "rsa-pss":
      return verify("sha256", data, pss(key), signature);
    default:
      return false;
  }
}

function pss(key: KeyObject) {
  return {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_AUTO,
  };
}

/** SHA-256 of the key's SPKI in hex: how a key is called in messages and hints. */
export function fingerprintOf(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex");
}

/** What a `publicKey.hint` of a Sigstore bundle is, as cosign writes it. */
export function hintOf(key: KeyObject): string {
  return Buffer.from(fingerprintOf(key), "hex").toString("base64");
}
