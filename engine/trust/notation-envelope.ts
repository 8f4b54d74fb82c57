import { constants, type KeyObject, verify } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import { asArray, asObject, asString, type JsonObject, optionalString, optionalStrings } from "#oci/shape.ts";
import { parseStrictJson } from "#oci/strict-json.ts";
import { fromBase64, fromBase64Url } from "./base64.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";

/** A JWS envelope whose signature fits its own certificate. Who that belongs to is another question. */
export interface NotationEnvelope {
  readonly digest: Digest;
  readonly scheme: "notary.x509" | "notary.x509.signingAuthority";
  /** The leaf first. */
  readonly chain: readonly Certificate[];
  /** Milliseconds since 1970. Of a signing authority it is to be believed, else it is a claim. */
  readonly signingTime: number;
  readonly expiry: number | undefined;
}

const prefix = "io.cncf.notary";
const MAX_CHAIN = 10;
/** Which algorithm a key has to be used with. @see signature-specification.md, "Algorithm Selection" */
const algorithms: Readonly<Record<string, { readonly hash: string; readonly key: string } | undefined>> = {
  ES256: { hash: "sha256", key: "prime256v1" },
  ES384: { hash: "sha384", key: "secp384r1" },
  ES512: { hash: "sha512", key: "secp521r1" },
  PS256: { hash: "sha256", key: "2048" },
  PS384: { hash: "sha384", key: "3072" },
  PS512: { hash: "sha512", key: "4096" },
};

/**
 * Reads an envelope and verifies its integrity.
 *
 * @throws {Fault} `invalid`, also for a critical header that is not understood
 * @see notaryproject/specifications v1.1, signature-envelope-jws.md
 */
export function openNotationEnvelope(bytes: Uint8Array): NotationEnvelope {
  const envelope = asObject(parseStrictJson(bytes, "JWS envelope"), "JWS envelope");
  const text = (name: string) => asString(envelope[name], name);
  const headers = asObject(
    parseStrictJson(fromBase64Url(text("protected"), "protected"), "protected header"),
    "protected header",
  );
  const unprotected = asObject(envelope["header"], "header");
  const chain = asArray(unprotected["x5c"], "x5c", MAX_CHAIN).map((one) =>
    parseCertificate(fromBase64(asString(one, "x5c"), "x5c")),
  );
  const [leaf] = chain;
  if (leaf === undefined) throw new Fault("invalid", "an envelope without a certificate");
  const signed = Buffer.from(`${text("protected")}.${text("payload")}`);
  const signature = fromBase64Url(text("signature"), "signature");
  if (!isSigned(asString(headers["alg"], "alg"), leaf.x509.publicKey, signed, signature))
    throw new Fault("invalid", "the signature does not fit its certificate");
  return {
    digest: digestIn(fromBase64Url(text("payload"), "payload"), headers),
    chain,
    ...schemeOf(headers),
  };
}

function isSigned(algorithm: string, key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  const known = Object.hasOwn(algorithms, algorithm) ? algorithms[algorithm] : undefined;
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (known === undefined || known.key !== String(namedCurve ?? modulusLength)) return false;
  if (namedCurve !== undefined)
    return verify(known.hash, data, { key, dsaEncoding: "ieee-p1363" }, signature);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return verify(known.hash, data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature);
}

function digestIn(payload: Uint8Array, headers: JsonObject): Digest {
  if (headers["cty"] !== "application/vnd.cncf.notary.payload.v1+json")
    throw new Fault("invalid", "an envelope with another kind of payload");
  const document = asObject(parseStrictJson(payload, "payload"), "payload");
  const target = asObject(document["targetArtifact"], "targetArtifact");
  return parseDigest(asString(target["digest"], "targetArtifact.digest"));
}

function schemeOf(headers: JsonObject): Pick<NotationEnvelope, "scheme" | "signingTime" | "expiry"> {
  const names = { scheme: `${prefix}.signingScheme`, expiry: `${prefix}.expiry` };
  const scheme = asString(headers[names.scheme], "signing scheme");
  if (scheme !== "notary.x509" && scheme !== "notary.x509.signingAuthority")
    throw new Fault("invalid", "an unknown signing scheme");
  const timeName = `${prefix}.${scheme === "notary.x509" ? "signingTime" : "authenticSigningTime"}`;
  const critical = optionalStrings(headers["crit"], "crit", MAX_CHAIN) ?? [];
  const known = [names.scheme, names.expiry, `${prefix}.authenticSigningTime`];
  const strange = critical.find((name) => !known.includes(name));
  if (strange !== undefined)
    throw new Fault("invalid", `it needs ${strange.slice(0, 100)}, which is unknown`);
  if (!critical.includes(names.scheme)) throw new Fault("invalid", "its signing scheme is not critical");
  const expiry = optionalString(headers[names.expiry], "expiry");
  return {
    scheme,
    signingTime: timeOf(asString(headers[timeName], "signing time")),
    expiry: expiry === undefined ? undefined : timeOf(expiry),
  };
}

function timeOf(text: string): number {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new Fault("invalid", "a time that is none");
  return time;
}
