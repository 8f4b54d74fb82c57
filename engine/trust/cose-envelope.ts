import { Fault } from "#base/fault.ts";
import { type Cbor, decodeCbor, encodeCbor, isCborMap, isCborTag } from "./cbor.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import {
  headerNames,
  MAX_CHAIN,
  type NotationEnvelope,
  type NotationHeaders,
  readSigned,
} from "./notation-headers.ts";
import { isNotationSignature } from "./notation-signature.ts";

/** Labels of header parameters. @see IANA, COSE Header Parameters */
export const coseLabels = { algorithm: 1, critical: 2, contentType: 3, x5chain: 33 } as const;
/** Of `COSE_Sign1`. */
export const coseSign1Tag = 18;
/** Of seconds since 1970. */
export const epochTag = 1;
const MAX_BYTES = 4 << 20;

type Headers = ReadonlyMap<number | string, Cbor>;

/**
 * Reads a COSE envelope of Notation's and verifies its integrity. A hash envelope, which has no content type, is refused.
 *
 * @throws {Fault} `invalid`, also for a critical header that is not understood
 * @see notaryproject/specifications v1.1, signature-envelope-cose.md; RFC 9052, sections 4.2 and 4.4
 */
export function openCoseEnvelope(bytes: Uint8Array): NotationEnvelope {
  if (bytes.length > MAX_BYTES) throw new Fault("invalid", "a COSE envelope that is too large");
  const [protectedBytes, unprotected, payload, signature] = partsOf(decodeCbor(bytes));
  const headers = asMap(decodeCbor(protectedBytes), "protected header");
  // A header that is signed could be contradicted by one that is not.
  for (const label of unprotected.keys())
    if (headers.has(label)) throw new Fault("invalid", "a header that is both protected and not");
  const chain = chainIn(headers.get(coseLabels.x5chain) ?? unprotected.get(coseLabels.x5chain));
  const [leaf] = chain;
  if (leaf === undefined) throw new Fault("invalid", "an envelope without a certificate");
  const algorithm = headers.get(coseLabels.algorithm);
  if (typeof algorithm !== "number") throw new Fault("invalid", "an envelope without an algorithm");
  if (!isNotationSignature(algorithm, leaf.x509.publicKey, sigStructure(protectedBytes, payload), signature))
    throw new Fault("invalid", "the signature does not fit its certificate");
  return { chain, ...readSigned(signedHeaders(headers), payload) };
}

/** What a signature is over. @see RFC 9052, section 4.4 */
export function sigStructure(protectedBytes: Uint8Array, payload: Uint8Array): Buffer {
  return encodeCbor(["Signature1", protectedBytes, new Uint8Array(0), payload]);
}

function partsOf(envelope: Cbor): readonly [Uint8Array, Headers, Uint8Array, Uint8Array] {
  const parts = isCborTag(envelope) && envelope.tag === coseSign1Tag ? envelope.value : undefined;
  if (!Array.isArray(parts) || parts.length !== 4) throw new Fault("invalid", "not a COSE_Sign1 envelope");
  const [protectedBytes, unprotected, payload, signature] = parts as readonly Cbor[];
  if (
    !(
      protectedBytes instanceof Uint8Array &&
      payload instanceof Uint8Array &&
      signature instanceof Uint8Array
    )
  )
    throw new Fault("invalid", "a COSE_Sign1 envelope without a payload of its own");
  return [protectedBytes, asMap(unprotected, "unprotected header"), payload, signature];
}

function chainIn(x5chain: Cbor | undefined): readonly Certificate[] {
  const list: readonly Cbor[] =
    x5chain instanceof Uint8Array ? [x5chain] : Array.isArray(x5chain) ? x5chain : [];
  if (list.length > MAX_CHAIN) throw new Fault("invalid", "a chain of too many certificates");
  return list.map((der) => {
    if (!(der instanceof Uint8Array)) throw new Fault("invalid", "x5chain is not a list of certificates");
    return parseCertificate(der);
  });
}

function signedHeaders(headers: Headers): NotationHeaders {
  const critical = headers.get(coseLabels.critical);
  return {
    contentType: headers.get(coseLabels.contentType),
    scheme: headers.get(headerNames.scheme),
    critical: Array.isArray(critical) ? critical : [],
    signingTime: timeIn(headers.get(headerNames.signingTime)),
    authenticTime: timeIn(headers.get(headerNames.authenticTime)),
    expiry: timeIn(headers.get(headerNames.expiry)),
  };
}

function timeIn(value: Cbor | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!isCborTag(value) || value.tag !== epochTag || typeof value.value !== "number")
    throw new Fault("invalid", "a time that is none");
  return value.value * 1000;
}

function asMap(value: Cbor | undefined, what: string): Headers {
  if (!isCborMap(value)) throw new Fault("invalid", `the ${what} is not a map`);
  return value;
}
