import { Fault } from "#base/fault.ts";
import { asArray, asObject, asString, isAbsent, optionalStrings } from "#oci/shape.ts";
import { parseStrictJson } from "#oci/strict-json.ts";
import { fromBase64, fromBase64Url } from "./base64.ts";
import { parseCertificate } from "./certificate.ts";
import { headerNames, MAX_CHAIN, type NotationEnvelope, readSigned } from "./notation-headers.ts";
import { isNotationSignature } from "./notation-signature.ts";

/**
 * Reads a JWS envelope and verifies its integrity.
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
  if (!isNotationSignature(asString(headers["alg"], "alg"), leaf.x509.publicKey, signed, signature))
    throw new Fault("invalid", "the signature does not fit its certificate");
  const said = {
    contentType: headers["cty"],
    scheme: headers[headerNames.scheme],
    critical: optionalStrings(headers["crit"], "crit", MAX_CHAIN) ?? [],
    signingTime: timeIn(headers[headerNames.signingTime]),
    authenticTime: timeIn(headers[headerNames.authenticTime]),
    expiry: timeIn(headers[headerNames.expiry]),
  };
  return { chain, ...readSigned(said, fromBase64Url(text("payload"), "payload")) };
}

function timeIn(value: unknown): number | undefined {
  if (isAbsent(value)) return undefined;
  const text = asString(value, "time");
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new Fault("invalid", "a time that is none");
  return time;
}
