import { Fault } from "#base/fault.ts";
import { asArray, asObject, asString, isAbsent, type JsonObject, optionalString } from "#oci/shape.ts";
import { parseStrictJson } from "#oci/strict-json.ts";
import { fromBase64 } from "./base64.ts";

/** A Sigstore bundle as far as it is understood. */
export interface SigstoreBundle {
  readonly signer:
    | { readonly kind: "key"; readonly hint: string }
    /** DER, the leaf first. */
    | { readonly kind: "certificates"; readonly chain: readonly Buffer[] };
  readonly content:
    | {
        readonly kind: "dsse";
        readonly payloadType: string;
        readonly payload: Buffer;
        readonly signatures: readonly Buffer[];
      }
    | { readonly kind: "message"; readonly digest: Buffer; readonly signature: Buffer };
  readonly logEntries: readonly JsonObject[];
}

const mediaType = /^application\/vnd\.dev\.sigstore\.bundle(?:\+json;version=0\.[123]|\.v0\.3\+json)$/;
const MAX_ENTRIES = 16;

/**
 * Reads a bundle, version 0.1 to 0.3.
 *
 * @throws {Fault} `invalid`
 * @see sigstore/protobuf-specs, sigstore_bundle.proto
 */
export function parseSigstoreBundle(bytes: Uint8Array): SigstoreBundle {
  const bundle = asObject(parseStrictJson(bytes, "Sigstore bundle"), "Sigstore bundle");
  const type = asString(bundle["mediaType"], "mediaType");
  if (!mediaType.test(type)) throw new Fault("invalid", `unsupported Sigstore bundle ${type.slice(0, 100)}`);
  const material = asObject(bundle["verificationMaterial"], "verificationMaterial");
  const entries = isAbsent(material["tlogEntries"]) ? [] : material["tlogEntries"];
  return {
    signer: signerOf(material),
    content: contentOf(bundle),
    logEntries: asArray(entries, "tlogEntries", MAX_ENTRIES).map((entry) => asObject(entry, "tlogEntry")),
  };
}

function signerOf(material: JsonObject): SigstoreBundle["signer"] {
  const { publicKey, certificate, x509CertificateChain: chain } = material;
  if ([publicKey, certificate, chain].filter((value) => !isAbsent(value)).length !== 1)
    throw new Fault("invalid", "a Sigstore bundle has a key, a certificate or a chain, and one of them only");
  if (!isAbsent(publicKey))
    return { kind: "key", hint: optionalString(asObject(publicKey, "publicKey")["hint"], "hint") ?? "" };
  const list = isAbsent(certificate)
    ? asArray(asObject(chain, "chain")["certificates"], "certificates", MAX_ENTRIES)
    : [certificate];
  if (list.length === 0) throw new Fault("invalid", "a Sigstore bundle without a certificate");
  return {
    kind: "certificates",
    chain: list.map((one) => bytesIn(asObject(one, "certificate"), "rawBytes")),
  };
}

function contentOf(bundle: JsonObject): SigstoreBundle["content"] {
  const { dsseEnvelope, messageSignature } = bundle;
  if (isAbsent(dsseEnvelope) === isAbsent(messageSignature))
    throw new Fault("invalid", "a Sigstore bundle has an envelope or a message signature");
  if (isAbsent(dsseEnvelope)) return messageOf(asObject(messageSignature, "messageSignature"));
  const envelope = asObject(dsseEnvelope, "dsseEnvelope");
  const signatures = asArray(envelope["signatures"], "signatures", MAX_ENTRIES);
  if (signatures.length === 0) throw new Fault("invalid", "an envelope without a signature");
  return {
    kind: "dsse",
    payloadType: asString(envelope["payloadType"], "payloadType"),
    payload: bytesIn(envelope, "payload"),
    signatures: signatures.map((one) => bytesIn(asObject(one, "signature"), "sig")),
  };
}

function messageOf(message: JsonObject): SigstoreBundle["content"] {
  const digest = asObject(message["messageDigest"], "messageDigest");
  if (digest["algorithm"] !== "SHA2_256")
    throw new Fault("invalid", "a message signature over something else than a SHA-256 digest");
  return { kind: "message", digest: bytesIn(digest, "digest"), signature: bytesIn(message, "signature") };
}

function bytesIn(object: JsonObject, name: string): Buffer {
  return fromBase64(asString(object[name], name), name);
}

/** What an envelope's signature is over. @see DSSE protocol v1.0.2, "Signature Definition" */
export function dsseEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}
