import { isFault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { type Digest, hexOf } from "#oci/digest.ts";
import { type Manifest, parseIndex } from "#oci/manifest.ts";
import { isManifestType } from "#oci/media-types.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import { sha256Of } from "#engine/content/sha256.ts";
import type { Repository } from "#engine/registry/repository.ts";
import { steadyBlob } from "#engine/registry/steady-blob.ts";
import type { PlannedSignatures } from "./oci-layout.ts";
import { fetchDocument } from "./remote-image.ts";
import { isSignatureManifest, signaturesIn } from "./signature-artifacts.ts";

const MAX_ARTIFACTS = 32;

type Keep = (descriptor: Descriptor, bytes: Buffer) => Promise<void>;

/**
 * The signatures of a manifest or index that its repository has: its referrers, by the API and by the tag that stands in for it, and
 * cosign's tag. What the registry does not have or cannot give is left out: the policy then misses it.
 *
 * @param keep takes every document and blob in
 * @see OCI distribution-spec v1.1.1, "Listing Referrers"
 */
export async function fetchSignatures(
  repository: Repository,
  subject: Digest,
  keep: Keep,
  signal: AbortSignal,
): Promise<readonly PlannedSignatures[]> {
  const planned: PlannedSignatures[] = [];
  for (const reference of await artifactsOf(repository, subject, signal)) {
    const one = await orNothing(async () => await fetchOne(repository, reference, subject, keep, signal));
    if (one !== undefined) planned.push(one);
  }
  return planned;
}

/** Digests and tags of what may be an artifact with signatures. */
async function artifactsOf(
  repository: Repository,
  subject: Digest,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const tag = `sha256-${hexOf(subject)}`;
  const referrers = await orNothing(async () => {
    const bytes =
      (await repository.referrers(subject, signal)) ?? (await repository.manifest(tag, signal)).bytes;
    return parseIndex(bytes).manifests.filter(({ mediaType }) => isManifestType(mediaType));
  });
  return [...(referrers ?? []).slice(0, MAX_ARTIFACTS).map(({ digest }) => digest), `${tag}.sig`];
}

async function fetchOne(
  repository: Repository,
  reference: string,
  subject: Digest,
  keep: Keep,
  signal: AbortSignal,
): Promise<PlannedSignatures | undefined> {
  const { descriptor, bytes, parsed } = await fetchDocument(repository, reference, undefined, signal);
  if (parsed.kind !== "manifest" || !isSignatureManifest(parsed)) return undefined;
  const blobs = await fetchParts(repository, parsed, keep, signal);
  if (blobs === undefined) return undefined;
  await keep(descriptor, bytes);
  const artifact = { kind: "signature", descriptor, subject, blobs: Array.from(blobs.keys()) } as const;
  return { artifact, signatures: await signaturesIn(parsed, async ({ digest }) => blobs.get(digest)) };
}

/** Undefined when a part is too large to be one of a signature, or is not what it should be. */
async function fetchParts(
  repository: Repository,
  { config, layers }: Manifest,
  keep: Keep,
  signal: AbortSignal,
): Promise<ReadonlyMap<Digest, Buffer> | undefined> {
  const found = new Map<Digest, Buffer>();
  const parts = [config, ...layers];
  if (parts.length > MAX_ARTIFACTS || parts.some(({ size }) => size > MAX_DOCUMENT_BYTES)) return undefined;
  for (const part of parts) {
    const bytes = Buffer.concat(await Array.fromAsync(steadyBlob(repository, part, 0, () => {}, signal)));
    if (sha256Of(bytes) !== part.digest) return undefined;
    await keep(part, bytes);
    found.set(part.digest, bytes);
  }
  return found;
}

async function orNothing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isFault(error, "remote") || isFault(error, "not-found") || isFault(error, "invalid"))
      return undefined;
    throw error;
  }
}
