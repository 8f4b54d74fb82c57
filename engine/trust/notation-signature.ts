import { constants, type KeyObject, sign, verify } from "node:crypto";
import { Fault } from "#base/fault.ts";

/** How the specification's algorithms are called, in JWS and in COSE. */
interface Algorithm {
  readonly jws: string;
  readonly cose: number;
  readonly hash: string;
  /** The curve, or the bits of an RSA key. */
  readonly key: string;
}

/** Each key is used with one algorithm only. @see signature-specification.md, "Algorithm Selection" */
const algorithms: readonly Algorithm[] = [
  { jws: "ES256", cose: -7, hash: "sha256", key: "prime256v1" },
  { jws: "ES384", cose: -35, hash: "sha384", key: "secp384r1" },
  { jws: "ES512", cose: -36, hash: "sha512", key: "secp521r1" },
  { jws: "PS256", cose: -37, hash: "sha256", key: "2048" },
  { jws: "PS384", cose: -38, hash: "sha384", key: "3072" },
  { jws: "PS512", cose: -39, hash: "sha512", key: "4096" },
];

/** @throws {Fault} `invalid` for a key that Notation has no algorithm for */
export function algorithmOf(key: KeyObject): Algorithm {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  const found = algorithms.find((one) => one.key === String(namedCurve ?? modulusLength));
  if (found === undefined)
    throw new Fault(
      "invalid",
      "Notation has no algorithm for the key: it is ECDSA, or RSA of 2048, 3072 or 4096 bits",
    );
  return found;
}

/** Whether the signature was made with the key, in the one way that is right for it: what an envelope names must be that. */
export function isNotationSignature(
  named: string | number,
  key: KeyObject,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const known = algorithms.find(({ jws, cose }) => named === jws || named === cose);
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (known === undefined || known.key !== String(namedCurve ?? modulusLength)) return false;
  return verify(known.hash, data, { key, ...waysOf(key) }, signature);
}

/** @throws {Fault} `invalid` for a key that Notation has no algorithm for */
export function notationSignature(key: KeyObject, data: Uint8Array): Buffer {
  return sign(algorithmOf(key).hash, data, { key, ...waysOf(key) });
}

function waysOf(key: KeyObject) {
  if (key.asymmetricKeyType === "ec") return { dsaEncoding: "ieee-p1363" } as const;
  return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}
