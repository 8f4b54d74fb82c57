import { createHash, sign } from "node:crypto";
import { type Cbor, encodeCbor } from "./cbor.ts";
import type { IssuedBy } from "./certificates.fixture.ts";

/** Signature artifacts and envelopes made by hand, for tests. */

export interface EnvelopeOptions {
  readonly digest: string;
  readonly signer: IssuedBy;
  readonly chain?: readonly IssuedBy[];
  readonly signingTime: number;
  readonly expiry?: number;
  readonly scheme?: string;
  readonly algorithm?: string;
  readonly critical?: readonly string[];
  readonly contentType?: string;
}

const base64url = (value: string) => Buffer.from(value).toString("base64url");
const rfc3339 = (ms: number) => new Date(ms).toISOString().replace(/\.\d+/, "");

/** A JWS envelope as Notation makes it. */
export function notationEnvelope(options: EnvelopeOptions): string {
  const { digest, signer, chain = [], signingTime, expiry, scheme = "notary.x509" } = options;
  const prefix = "io.cncf.notary";
  const isAuthority = scheme === "notary.x509.signingAuthority";
  const timeName = `${prefix}.${isAuthority ? "authenticSigningTime" : "signingTime"}`;
  const critical = [
    `${prefix}.signingScheme`,
    ...(expiry === undefined ? [] : [`${prefix}.expiry`]),
    ...(isAuthority ? [timeName] : []),
  ];
  const headers = {
    alg: options.algorithm ?? "ES256",
    cty: options.contentType ?? "application/vnd.cncf.notary.payload.v1+json",
    crit: options.critical ?? critical,
    [`${prefix}.signingScheme`]: scheme,
    [timeName]: rfc3339(signingTime),
    ...(expiry !== undefined && { [`${prefix}.expiry`]: rfc3339(expiry) }),
  };
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const payload = base64url(JSON.stringify({ targetArtifact: { mediaType, digest, size: 1 } }));
  const signed = `${base64url(JSON.stringify(headers))}.${payload}`;
  const signature = sign("sha256", Buffer.from(signed), {
    key: signer.privateKey,
    dsaEncoding: "ieee-p1363",
  });
  return JSON.stringify({
    payload,
    protected: signed.split(".")[0],
    header: { x5c: [signer, ...chain].map(({ der }) => der.toString("base64")) },
    signature: signature.toString("base64url"),
  });
}

/** What is bent of a COSE envelope before it is signed, or after. */
export interface CoseChanges {
  readonly headers?: (headers: Map<number | string, Cbor>) => void;
  readonly unprotected?: (headers: Map<number | string, Cbor>) => void;
  /** The four parts, signed. */
  readonly parts?: (parts: Cbor[]) => void;
  readonly tag?: number | null;
  readonly dsaEncoding?: "der" | "ieee-p1363";
  readonly contextText?: string;
}

/** A COSE envelope as Notation makes it. */
export function coseEnvelope(options: EnvelopeOptions, changes: CoseChanges = {}): Buffer {
  const { digest, signer, chain = [], signingTime, expiry, scheme = "notary.x509" } = options;
  const prefix = "io.cncf.notary";
  const isAuthority = scheme === "notary.x509.signingAuthority";
  const timeName = `${prefix}.${isAuthority ? "authenticSigningTime" : "signingTime"}`;
  const time = (ms: number) => ({ tag: 1, value: Math.floor(ms / 1000) });
  const critical = [
    `${prefix}.signingScheme`,
    ...(expiry === undefined ? [] : [`${prefix}.expiry`]),
    ...(isAuthority ? [timeName] : []),
  ];
  const headers = new Map<number | string, Cbor>([
    [1, -7],
    [2, options.critical ?? critical],
    [3, options.contentType ?? "application/vnd.cncf.notary.payload.v1+json"],
    [`${prefix}.signingScheme`, scheme],
    [timeName, time(signingTime)],
    ...(expiry === undefined ? [] : [[`${prefix}.expiry`, time(expiry)] as const]),
  ]);
  changes.headers?.(headers);
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const payload = Buffer.from(JSON.stringify({ targetArtifact: { mediaType, digest, size: 1 } }));
  const protectedBytes = encodeCbor(headers);
  const signed = encodeCbor([changes.contextText ?? "Signature1", protectedBytes, Buffer.alloc(0), payload]);
  const { dsaEncoding = "ieee-p1363" } = changes;
  const signature = sign("sha256", signed, { key: signer.privateKey, dsaEncoding });
  const unprotected = new Map<number | string, Cbor>([[33, [signer, ...chain].map(({ der }) => der)]]);
  changes.unprotected?.(unprotected);
  const parts: Cbor[] = [protectedBytes, unprotected, payload, signature];
  changes.parts?.(parts);
  return encodeCbor(changes.tag === null ? parts : { tag: changes.tag ?? 18, value: parts });
}

export interface ArtifactParts {
  readonly manifest: string;
  readonly blobs: readonly (string | Uint8Array)[];
}

function descriptor(mediaType: string, content: string | Uint8Array, annotations?: object): object {
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  return { mediaType, digest, size: Buffer.byteLength(content), ...(annotations && { annotations }) };
}

/** A referrer with one layer. */
export function signatureArtifact(
  layer: { readonly mediaType: string; readonly content: string | Uint8Array; readonly annotations?: object },
  options: { readonly artifactType?: string; readonly subject?: object; readonly configType?: string } = {},
): ArtifactParts {
  const config = "{}";
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    ...(options.artifactType !== undefined && { artifactType: options.artifactType }),
    config: descriptor(options.configType ?? "application/vnd.oci.empty.v1+json", config),
    layers: [descriptor(layer.mediaType, layer.content, layer.annotations)],
    ...(options.subject !== undefined && { subject: options.subject }),
  });
  return { manifest, blobs: [config, layer.content, manifest] };
}
