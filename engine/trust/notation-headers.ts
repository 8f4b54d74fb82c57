import { Fault } from "#base/fault.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import { asObject, asString } from "#oci/shape.ts";
import { parseStrictJson } from "#oci/strict-json.ts";
import type { Certificate } from "./certificate.ts";

/** An envelope whose signature fits its own certificate. Who that belongs to is another question. */
export interface NotationEnvelope {
  readonly digest: Digest;
  readonly scheme: "notary.x509" | "notary.x509.signingAuthority";
  /** The leaf first. */
  readonly chain: readonly Certificate[];
  /** Milliseconds since 1970. Of a signing authority it is to be believed, else it is a claim. */
  readonly signingTime: number;
  readonly expiry: number | undefined;
}

export const headerPrefix = "io.cncf.notary";
export const headerNames = {
  scheme: `${headerPrefix}.signingScheme`,
  signingTime: `${headerPrefix}.signingTime`,
  authenticTime: `${headerPrefix}.authenticSigningTime`,
  expiry: `${headerPrefix}.expiry`,
} as const;
export const payloadType = "application/vnd.cncf.notary.payload.v1+json";
export const MAX_CHAIN = 10;

/** Protected headers, read from either form of an envelope. Times are milliseconds since 1970. */
export interface NotationHeaders {
  readonly contentType: unknown;
  readonly scheme: unknown;
  readonly critical: readonly unknown[];
  readonly signingTime: number | undefined;
  readonly authenticTime: number | undefined;
  readonly expiry: number | undefined;
}

/**
 * What signed headers and payload say.
 *
 * @throws {Fault} `invalid`, also for a critical header that is not understood
 * @see notaryproject/specifications v1.1, signature-specification.md
 */
export function readSigned(headers: NotationHeaders, payload: Uint8Array): Omit<NotationEnvelope, "chain"> {
  const { scheme, critical, expiry } = headers;
  if (headers.contentType !== payloadType)
    throw new Fault("invalid", "an envelope with another kind of payload");
  if (scheme !== "notary.x509" && scheme !== "notary.x509.signingAuthority")
    throw new Fault("invalid", "an unknown signing scheme");
  const known: readonly unknown[] = [headerNames.scheme, headerNames.expiry, headerNames.authenticTime];
  const strange = critical.find((name) => !known.includes(name));
  if (strange !== undefined)
    throw new Fault("invalid", `it needs ${JSON.stringify(strange).slice(0, 100)}, which is unknown`);
  if (!critical.includes(headerNames.scheme))
    throw new Fault("invalid", "its signing scheme is not critical");
  const signingTime = scheme === "notary.x509" ? headers.signingTime : headers.authenticTime;
  if (signingTime === undefined) throw new Fault("invalid", "signing time is not there");
  return { digest: digestIn(payload), scheme, signingTime, expiry };
}

function digestIn(payload: Uint8Array): Digest {
  const document = asObject(parseStrictJson(payload, "payload"), "payload");
  const target = asObject(document["targetArtifact"], "targetArtifact");
  return parseDigest(asString(target["digest"], "targetArtifact.digest"));
}
