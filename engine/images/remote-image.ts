import { Fault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { type Digest, isDigest } from "#oci/digest.ts";
import { type Index, type Manifest, parseManifestOrIndex } from "#oci/manifest.ts";
import { isImageConfigType, isIndexType, isManifestType } from "#oci/media-types.ts";
import { formatPlatform, type Platform, selectPlatform } from "#oci/platform.ts";
import type { RemoteManifest, Repository } from "#engine/registry/repository.ts";
import { retrying } from "#engine/registry/retry.ts";
import { sha256Of } from "#engine/content/sha256.ts";

/** A manifest or an index as a registry has it, verified. */
export interface FetchedDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly parsed: Manifest | Index;
}

/** An image as a registry has it: the documents that lead to it, what was asked for first, the manifest last. */
export interface RemoteImage {
  /** What the reference means. */
  readonly target: Descriptor;
  readonly documents: readonly FetchedDocument[];
  readonly manifest: Manifest;
  readonly descriptor: Descriptor;
}

const maxIndexDepth = 4;
const tries = 3;

/**
 * Follows a tag or digest to the manifest that suits `platform` best. Every document is what its digest says.
 *
 * @throws {Fault} `remote`; `not-found` when an index has nothing for the platform; `invalid` for what is no image
 */
export async function fetchRemoteImage(
  repository: Repository,
  reference: string,
  platform: Platform,
  signal: AbortSignal,
): Promise<RemoteImage> {
  const first = await fetchDocument(repository, reference, undefined, signal);
  const documents = [first];
  let last = first;
  for (let depth = 0; last.parsed.kind === "index"; depth++) {
    if (depth === maxIndexDepth) throw new Fault("invalid", "invalid index: nested too deeply");
    const chosen = selectPlatform(last.parsed.manifests, platform);
    if (chosen === undefined)
      throw new Fault(
        "not-found",
        `no matching manifest for ${formatPlatform(platform)} in the manifest list entries`,
      );
    last = await fetchDocument(repository, chosen.digest, chosen, signal);
    documents.push(last);
  }
  const { parsed: manifest, descriptor } = last;
  if (manifest.kind !== "manifest") throw new Error("an index was followed");
  if (!isImageConfigType(manifest.config.mediaType))
    throw new Fault(
      "invalid",
      `unsupported: this is no image but an artifact, whose config is ${manifest.config.mediaType.slice(0, 100)}`,
    );
  return { target: first.descriptor, documents, manifest, descriptor };
}

/** @param expected its descriptor, where one led to it. @throws {Fault} `remote`; `invalid` when it is not what it should be */
export async function fetchDocument(
  repository: Repository,
  reference: string,
  expected: Descriptor | undefined,
  signal: AbortSignal,
): Promise<FetchedDocument> {
  const remote = await retrying(() => repository.manifest(reference, signal), tries, signal);
  const digest = checkDocument(remote, reference, expected);
  const known =
    isIndexType(remote.mediaType) || isManifestType(remote.mediaType) ? remote.mediaType : undefined;
  const parsed = parseManifestOrIndex(remote.bytes, expected?.mediaType ?? known);
  const descriptor = { mediaType: parsed.mediaType, digest, size: remote.bytes.length };
  return { descriptor, bytes: remote.bytes, parsed };
}

function checkDocument(remote: RemoteManifest, reference: string, expected: Descriptor | undefined): Digest {
  const digest = sha256Of(remote.bytes);
  const wanted = expected?.digest ?? (isDigest(reference) ? reference : remote.statedDigest);
  if (wanted !== undefined && isDigest(wanted) && wanted !== digest)
    throw new Fault("invalid", `manifest verification failed for digest ${wanted}`);
  if (expected !== undefined && expected.size !== remote.bytes.length)
    throw new Fault(
      "invalid",
      `manifest ${digest} has ${remote.bytes.length} bytes, its descriptor says ${expected.size}`,
    );
  return digest;
}
