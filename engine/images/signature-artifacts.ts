import { isFault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { type Digest, isDigest } from "#oci/digest.ts";
import type { Manifest } from "#oci/manifest.ts";
import { type FoundSignature, MAX_SIGNATURES } from "#engine/trust/signature-source.ts";
import { parseSimpleSigning } from "#engine/trust/simple-signing.ts";

const simpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json";
const notation = "application/vnd.cncf.notary.signature";
const sigstoreBundle = /^application\/vnd\.dev\.sigstore\.bundle(?:\+json;version=0\.[123]|\.v0\.3\+json)$/;

/** Of a layer that is a signature. `signatureAnnotations` are those of cosign's simple signing. */
export const signatureTypes = {
  simpleSigning,
  notationJws: "application/jose+json",
  notationCose: "application/cose",
  bundle: "application/vnd.dev.sigstore.bundle.v0.3+json",
} as const;

const annotations = {
  signature: "dev.cosignproject.cosign/signature",
  certificate: "dev.sigstore.cosign/certificate",
  chain: "dev.sigstore.cosign/chain",
} as const;

/**
 * Whether the manifest is one of signatures: a referrer of cosign 3 or Notation, or what cosign 2 keeps under `sha256-….sig`, which
 * has the config of an image.
 */
export function isSignatureManifest({ layers, config, artifactType }: Manifest): boolean {
  if (layers.length === 0) return false;
  if (artifactType === notation || config.mediaType === notation) return true;
  return layers.every(({ mediaType }) => mediaType === simpleSigning || sigstoreBundle.test(mediaType));
}

/** The signatures in an artifact, as far as `read` finds their bytes. */
export async function signaturesIn(
  { layers, artifactType, config }: Manifest,
  read: (layer: Descriptor) => Promise<Uint8Array | undefined>,
): Promise<readonly FoundSignature[]> {
  const isNotation = artifactType === notation || config.mediaType === notation;
  const found: FoundSignature[] = [];
  for (const layer of layers.slice(0, MAX_SIGNATURES)) {
    const bytes = await read(layer);
    if (bytes !== undefined) found.push(signatureOf(layer, bytes, isNotation));
  }
  return found;
}

function signatureOf(layer: Descriptor, bytes: Uint8Array, isNotation: boolean): FoundSignature {
  const { mediaType } = layer;
  if (isNotation) {
    if (mediaType === signatureTypes.notationJws) return { format: "notation-jws", bytes };
    if (mediaType === signatureTypes.notationCose) return { format: "notation-cose", bytes };
    return { format: "unsupported", mediaType };
  }
  if (mediaType !== simpleSigning) return { format: "sigstore-bundle", bytes };
  const text = (name: string) => layer.annotations?.[name];
  const [certificate, chain] = [text(annotations.certificate), text(annotations.chain)];
  return {
    format: "simple-signing",
    payload: bytes,
    signature: text(annotations.signature) ?? "",
    ...(certificate !== undefined && certificate !== "" && { certificate }),
    ...(chain !== undefined && chain !== "" && { chain }),
  };
}

/**
 * What an artifact claims to sign: its subject, or what its tag says, or, in cosign's older form, its payload. Undefined when it does
 * not say.
 */
export function subjectOf(
  manifest: Manifest,
  tag: string | undefined,
  signatures: readonly FoundSignature[],
): Digest | undefined {
  if (manifest.subject !== undefined) return manifest.subject.digest;
  const tagged = `sha256:${/(?:^|:)sha256-([0-9a-f]{64})(?:\.sig)?$/.exec(tag ?? "")?.[1] ?? ""}`;
  if (isDigest(tagged)) return tagged;
  for (const signature of signatures) {
    if (signature.format !== "simple-signing") continue;
    try {
      return parseSimpleSigning(signature.payload).digest;
    } catch (error) {
      if (!isFault(error)) throw error;
    }
  }
  return undefined;
}
