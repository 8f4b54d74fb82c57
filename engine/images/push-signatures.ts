import { isFault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { type Digest, hexOf } from "#oci/digest.ts";
import { type Manifest, parseIndex, parseManifest } from "#oci/manifest.ts";
import { mediaTypes } from "#oci/media-types.ts";
import { asArray, asObject, type JsonObject } from "#oci/shape.ts";
import { MAX_DOCUMENT_BYTES, parseStrictJson } from "#oci/strict-json.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import { sha256Of } from "#engine/content/sha256.ts";
import { remoteDetail } from "#engine/registry/remote-fault.ts";
import type { Repository } from "#engine/registry/repository.ts";
import { retrying } from "#engine/registry/retry.ts";
import type { RepositoryWriter } from "#engine/registry/upload.ts";
import type { ImageStore } from "./image-store.ts";
import { signatureTypes } from "./signature-artifacts.ts";
import { signatureArtifacts } from "./stored-signatures.ts";

export interface SignaturePush {
  readonly store: ImageStore;
  readonly content: ContentStore;
  readonly reader: Repository;
  readonly writer: RepositoryWriter;
}

const tries = 3;

/**
 * Puts the signatures that are kept of a manifest beside it: referrers as such, and under the tag that stands in for the referrers
 * API where a registry has none; cosign's older ones under their tag, together with those that are there. Returns the digests of those
 * that were sent.
 *
 * @throws {Fault} `remote`
 * @see OCI distribution-spec v1.1.1, "Pushing Manifests with Subject"
 */
export async function pushSignatures(
  push: SignaturePush,
  subject: Digest,
  signal: AbortSignal,
): Promise<readonly Digest[]> {
  const sent: Digest[] = [];
  for (const { descriptor } of signatureArtifacts(push.store, subject)) {
    const bytes = await push.content.read(descriptor.digest, MAX_DOCUMENT_BYTES);
    const manifest = parseManifest(bytes, descriptor.mediaType);
    for (const part of [manifest.config, ...manifest.layers]) await sendBlob(push, part, signal);
    const put = isOlderForm(manifest) ? putUnderTag : putReferrer;
    await put(push, subject, descriptor, manifest, bytes, signal);
    sent.push(descriptor.digest);
  }
  return sent;
}

/** Cosign's: whoever reads that form looks for it under its tag. */
function isOlderForm({ subject, layers }: Manifest): boolean {
  return subject === undefined || layers.every(({ mediaType }) => mediaType === signatureTypes.simpleSigning);
}

async function sendBlob(
  { content, reader, writer }: SignaturePush,
  { digest, size }: Descriptor,
  signal: AbortSignal,
): Promise<void> {
  if (await retrying(() => reader.hasBlob(digest, signal), tries, signal)) return;
  const bytes = await content.read(digest, MAX_DOCUMENT_BYTES);
  const sourceFrom = async function* (offset: number) {
    yield bytes.subarray(offset);
  };
  await writer.upload({ digest, size }, sourceFrom, () => {}, signal);
}

async function putReferrer(
  { reader, writer }: SignaturePush,
  subject: Digest,
  descriptor: Descriptor,
  manifest: Manifest,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const put = () => writer.putManifest(descriptor.digest, { ...descriptor, bytes }, signal);
  const { listsSubject } = await retrying(put, tries, signal);
  if (listsSubject) return;
  const tag = `sha256-${hexOf(subject)}`;
  const listed = await orNothing(async () => entriesOf((await reader.manifest(tag, signal)).bytes));
  if (listed?.some(({ digest }) => digest === descriptor.digest) === true) return;
  const own = {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    artifactType: manifest.artifactType ?? manifest.config.mediaType,
    ...(manifest.annotations !== undefined && { annotations: manifest.annotations }),
  };
  const manifests = [...(listed ?? []), own];
  await putDocument(writer, tag, { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }, signal);
}

/** As they stand there: what we know nothing of is kept. */
function entriesOf(index: Uint8Array): readonly JsonObject[] {
  const { length } = parseIndex(index).manifests;
  const { manifests } = asObject(parseStrictJson(index, "index"), "index");
  return asArray(manifests, "manifests", length).map((entry) => asObject(entry, "manifest"));
}

/** Two may sign, each knowing only its own signature: what is there stays. */
async function putUnderTag(
  { reader, writer }: SignaturePush,
  subject: Digest,
  descriptor: Descriptor,
  manifest: Manifest,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const tag = `sha256-${hexOf(subject)}.sig`;
  const there = await orNothing(async () => parseManifest((await reader.manifest(tag, signal)).bytes).layers);
  const strangers = (there ?? []).filter((layer) => !manifest.layers.some((own) => isSame(own, layer)));
  if (strangers.length > 0) {
    const { mediaType, config } = manifest;
    const layers = [...strangers, ...manifest.layers];
    await putDocument(writer, tag, { schemaVersion: 2, mediaType, config, layers }, signal);
  } else if (there?.length !== manifest.layers.length)
    await retrying(() => writer.putManifest(tag, { ...descriptor, bytes }, signal), tries, signal);
}

/** Several may sign one payload: what tells them apart are annotations. */
function isSame(left: Descriptor, right: Descriptor): boolean {
  const textOf = ({ digest, annotations = {} }: Descriptor) =>
    JSON.stringify([
      digest,
      Object.entries(annotations).toSorted(([one], [other]) => (one < other ? -1 : 1)),
    ]);
  return textOf(left) === textOf(right);
}

async function putDocument(
  writer: RepositoryWriter,
  tag: string,
  document: { readonly mediaType: string; readonly [field: string]: unknown },
  signal: AbortSignal,
): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(document));
  const manifest = { mediaType: document.mediaType, digest: sha256Of(bytes), bytes };
  await retrying(() => writer.putManifest(tag, manifest, signal), tries, signal);
}

/** Undefined when the registry has none, or something else under the name. */
async function orNothing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isFault(error, "invalid") || remoteDetail(error)?.status === 404) return undefined;
    throw error;
  }
}
