import { createHash, sign } from "node:crypto";
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
