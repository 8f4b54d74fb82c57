import { createHash } from "node:crypto";
import { Fault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { type Cbor, encodeCbor } from "./cbor.ts";
import { coseLabels, coseSign1Tag, epochTag, sigStructure } from "./cose-envelope.ts";
import { headerNames, payloadType } from "./notation-headers.ts";
import { algorithmOf, notationSignature } from "./notation-signature.ts";
import type { SignatureLayer } from "./signature-archive.ts";
import type { Signer } from "./sign.ts";

/** The two forms of an envelope, by their media types. */
export const notationForms = { jws: "application/jose+json", cose: "application/cose" } as const;
export type NotationForm = keyof typeof notationForms;

/** What an artifact with such signatures is. */
export const notationArtifactType = "application/vnd.cncf.notary.signature";

/**
 * An envelope of Notation's over an image, of the scheme `notary.x509`.
 *
 * @param time seconds since 1970, as is `expiry`
 * @throws {Fault} `invalid` for a signer without certificates, or whose key Notation has no algorithm for
 */
export function signNotation(
  form: NotationForm,
  signer: Signer,
  { mediaType, digest, size }: Descriptor,
  { time, expiry }: { readonly time: number; readonly expiry?: number },
): SignatureLayer {
  const { certificates = [] } = signer;
  if (certificates.length === 0) throw new Fault("invalid", "Notation's signatures need a certificate");
  const payload = Buffer.from(JSON.stringify({ targetArtifact: { mediaType, digest, size } }));
  const sign = form === "cose" ? coseOf : jwsOf;
  return { mediaType: notationForms[form], content: sign(signer, certificates, payload, time, expiry) };
}

/** What an artifact says of the certificates in it. @see signature-specification.md, "Signature manifest" */
export function thumbprints(certificates: readonly Uint8Array[]): Readonly<Record<string, string>> {
  const hashes = certificates.map((der) => createHash("sha256").update(der).digest("hex"));
  return { "io.cncf.notary.x509chain.thumbprint#S256": JSON.stringify(hashes) };
}

function criticalOf(expiry: number | undefined): readonly string[] {
  return [headerNames.scheme, ...(expiry === undefined ? [] : [headerNames.expiry])];
}

function coseOf(
  { privateKey }: Signer,
  certificates: readonly Uint8Array[],
  payload: Buffer,
  time: number,
  expiry: number | undefined,
): Buffer {
  const headers = new Map<number | string, Cbor>([
    [coseLabels.algorithm, algorithmOf(privateKey).cose],
    [coseLabels.critical, criticalOf(expiry)],
    [coseLabels.contentType, payloadType],
    [headerNames.scheme, "notary.x509"],
    [headerNames.signingTime, { tag: epochTag, value: time }],
    ...(expiry === undefined ? [] : [[headerNames.expiry, { tag: epochTag, value: expiry }] as const]),
  ]);
  const protectedBytes = encodeCbor(headers);
  const signature = notationSignature(privateKey, sigStructure(protectedBytes, payload));
  const unprotected = new Map<number | string, Cbor>([[coseLabels.x5chain, certificates]]);
  return encodeCbor({ tag: coseSign1Tag, value: [protectedBytes, unprotected, payload, signature] });
}

function jwsOf(
  { privateKey }: Signer,
  certificates: readonly Uint8Array[],
  payload: Buffer,
  time: number,
  expiry: number | undefined,
): Buffer {
  const rfc3339 = (seconds: number) => new Date(seconds * 1000).toISOString().replace(/\.\d+/, "");
  const headers = {
    alg: algorithmOf(privateKey).jws,
    crit: criticalOf(expiry),
    cty: payloadType,
    [headerNames.scheme]: "notary.x509",
    [headerNames.signingTime]: rfc3339(time),
    ...(expiry !== undefined && { [headerNames.expiry]: rfc3339(expiry) }),
  };
  const encoded = Buffer.from(JSON.stringify(headers)).toString("base64url");
  const signed = `${encoded}.${payload.toString("base64url")}`;
  return Buffer.from(
    JSON.stringify({
      payload: payload.toString("base64url"),
      protected: encoded,
      header: { x5c: certificates.map((der) => Buffer.from(der).toString("base64")) },
      signature: notationSignature(privateKey, Buffer.from(signed)).toString("base64url"),
    }),
  );
}
