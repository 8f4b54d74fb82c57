import { Fault, isFault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { type Digest, hexOf } from "#oci/digest.ts";
import { type Manifest, parseIndex, parseManifestOrIndex } from "#oci/manifest.ts";
import { isImageConfigType, isIndexType, isManifestType } from "#oci/media-types.ts";
import { parseImageConfig } from "#oci/parse-image-config.ts";
import {
  compatiblePlatforms,
  formatPlatform,
  normalisePlatform,
  type Platform,
  selectPlatform,
} from "#oci/platform.ts";
import { parseReference, type Reference, withDefaultTag } from "#oci/reference.ts";
import { asObject } from "#oci/shape.ts";
import { MAX_DOCUMENT_BYTES, parseStrictJson } from "#oci/strict-json.ts";
import type { FoundSignature } from "#engine/trust/signature-source.ts";
import type { ArchiveFile, ArchiveIndex } from "./archive-index.ts";
import type { StoredArtifact } from "./image-store.ts";
import { indexArtifacts, type PlannedImage, planLayers } from "./planned-image.ts";
import { isSignatureManifest, signaturesIn, subjectOf } from "./signature-artifacts.ts";

const MAX_INDEX_DEPTH = 4;
const MAX_MANIFESTS = 10_000;
const MAX_SIGNATURE_MANIFESTS = 256;

/** An image manifest that the layout leads to. */
interface Candidate {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly platform: Platform;
  /** Indexes on the way to it, the outermost first. */
  readonly indexes: readonly Descriptor[];
}

/** What a layout holds. */
export interface PlannedLayout {
  readonly images: readonly PlannedImage[];
  readonly signatures: readonly PlannedSignatures[];
}

/** Signatures of an image or index, which may be in the layout or not. */
export interface PlannedSignatures {
  readonly artifact: StoredArtifact;
  readonly signatures: readonly FoundSignature[];
}

/**
 * The images of an OCI image layout: one for each entry of `index.json`, the one that suits `platform` where the entry is an
 * index or several entries share a name; and the signatures in it. Attestations and other artifacts are passed over.
 *
 * @throws {Fault} `invalid`; `not-found` when an entry has nothing for the platform
 * @see OCI image-spec v1.1.1, image-layout.md
 */
export async function planOciLayout(
  archive: ArchiveIndex,
  platform: Platform,
  signal: AbortSignal,
): Promise<PlannedLayout> {
  await checkLayoutVersion(archive);
  const index = parseIndex(await archive.read(archive.get("index.json")));
  const walk = new LayoutWalk(archive);
  const planned: PlannedImage[] = [];
  for (const [name, entries] of groupByName(index.manifests)) {
    const chosen = await chooseImages(walk, entries, name !== undefined, platform);
    const names = name === undefined ? [] : [name];
    for (const candidate of chosen) planned.push(await planImage(archive, candidate, names, signal));
  }
  const signatures = await walk.keepSignatures(signal);
  if (planned.length === 0 && signatures.length === 0)
    throw new Fault("invalid", "invalid archive: it holds no images");
  return { images: merged(planned), signatures };
}

/** An index that was saved for its signatures leads to an image that stands there by its name as well. */
function merged(planned: readonly PlannedImage[]): readonly PlannedImage[] {
  const named = new Set(planned.filter(({ names }) => names.length > 0).map(({ id }) => id));
  const indexes = (id: Digest) =>
    planned.filter((other) => other.id === id).flatMap((other) => other.indexes ?? []);
  return planned
    .filter(({ id, names }) => names.length > 0 || !named.has(id))
    .map((image) => ({ ...image, indexes: indexes(image.id) }));
}

async function checkLayoutVersion(archive: ArchiveIndex): Promise<void> {
  const layout = asObject(
    parseStrictJson(await archive.read(archive.get("oci-layout")), "oci-layout"),
    "oci-layout",
  );
  const version = layout["imageLayoutVersion"];
  if (typeof version !== "string" || !/^1\.\d+\.\d+$/.test(version))
    throw new Fault("invalid", "invalid archive: unsupported OCI image layout version");
}

/** Entries with the same name are one image for several platforms; entries without one stand for themselves. */
function groupByName(
  entries: readonly Descriptor[],
): readonly (readonly [name: Reference | undefined, entries: readonly Descriptor[]])[] {
  const groups = new Map<string | undefined, [Reference | undefined, Descriptor[]]>();
  for (const entry of entries) {
    const name = nameOf(entry);
    const key = name && JSON.stringify(name);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [name, [entry]]);
    else group[1].push(entry);
  }
  return Array.from(groups.values());
}

/**
 * containerd and Docker write the full name into an annotation of their own and the bare tag into the standard one; others write
 * the full name there. A bare word says nothing about the repository, so the image stays without a name.
 */
function nameOf({ annotations }: Descriptor): Reference | undefined {
  const own = annotations?.["io.containerd.image.name"];
  const standard = annotations?.["org.opencontainers.image.ref.name"];
  const text = own ?? (standard !== undefined && /[:/]/.test(standard) ? standard : undefined);
  if (text === undefined) return undefined;
  try {
    const reference = withDefaultTag(parseReference(text));
    return reference.digest === undefined ? reference : undefined;
  } catch (error) {
    if (isFault(error, "invalid")) return undefined;
    throw error;
  }
}

async function chooseImages(
  walk: LayoutWalk,
  entries: readonly Descriptor[],
  isNamed: boolean,
  platform: Platform,
): Promise<readonly Candidate[]> {
  if (!isNamed) return await chooseUnnamed(walk, entries, platform);
  const candidates = await walk.candidatesOf(entries);
  return candidates.length === 0 ? [] : [chooseOne(candidates, platform)];
}

/** Each entry is an image, unless entries for other platforms stand beside one for ours. */
async function chooseUnnamed(
  walk: LayoutWalk,
  entries: readonly Descriptor[],
  platform: Platform,
): Promise<readonly Candidate[]> {
  const chosen: Candidate[] = [];
  for (const entry of entries) {
    const candidates = await walk.candidatesOf([entry]);
    if (candidates.length > 0) chosen.push(chooseOne(candidates, platform));
  }
  const suited = new Set(compatiblePlatforms(platform).map(formatPlatform));
  const ours = chosen.filter((candidate) =>
    suited.has(formatPlatform(normalisePlatform(candidate.platform))),
  );
  return ours.length === 0 ? chosen : ours;
}

/** A lone image is what the user wants, whatever its platform. */
function chooseOne(candidates: readonly Candidate[], platform: Platform): Candidate {
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return only;
  const found = selectPlatform(candidates, platform);
  if (found === undefined)
    throw new Fault(
      "not-found",
      `no matching manifest for ${formatPlatform(platform)} in the manifest list entries`,
    );
  return found;
}

/** Finds image manifests through nested indexes; a manifest that several entries lead to counts once an entry. */
class LayoutWalk {
  readonly #archive: ArchiveIndex;
  readonly #signatures = new Map<string, { readonly entry: Descriptor; readonly manifest: Manifest }>();
  #visited = 0;

  constructor(archive: ArchiveIndex) {
    this.#archive = archive;
  }

  /** The signatures that were met on the way, their blobs kept. Those that lack a blob, or do not say of what, are left out. */
  async keepSignatures(signal: AbortSignal): Promise<readonly PlannedSignatures[]> {
    const planned: PlannedSignatures[] = [];
    for (const { entry, manifest } of this.#signatures.values()) {
      const parts = [entry, manifest.config, ...manifest.layers];
      if (parts.some((part) => this.#archive.find(blobPath(part)) === undefined)) continue;
      const signatures = await signaturesIn(manifest, async (layer) =>
        layer.size > MAX_DOCUMENT_BYTES ? undefined : await this.#archive.read(blobOf(this.#archive, layer)),
      );
      const subject = subjectOf(manifest, tagOf(entry), signatures);
      if (subject === undefined) continue;
      for (const part of parts) await this.#archive.keep(blobOf(this.#archive, part), signal);
      const { mediaType, digest, size } = entry;
      const blobs = [manifest.config, ...manifest.layers].map((part) => part.digest);
      const artifact = {
        kind: "signature",
        descriptor: { mediaType, digest, size },
        subject,
        blobs,
      } as const;
      planned.push({ artifact, signatures });
    }
    return planned;
  }

  async candidatesOf(
    entries: readonly Descriptor[],
    indexes: readonly Descriptor[] = [],
  ): Promise<readonly Candidate[]> {
    const depth = indexes.length + 1;
    if (depth > MAX_INDEX_DEPTH) throw new Fault("invalid", "invalid archive: indexes nested too deeply");
    const found = new Map<string, Candidate>();
    for (const entry of entries) {
      if (++this.#visited > MAX_MANIFESTS) throw new Fault("invalid", "invalid archive: too many manifests");
      if (entry.platform?.os === "unknown") continue;
      for (const candidate of await this.#visit(entry, indexes))
        found.set(candidate.descriptor.digest, candidate);
    }
    return Array.from(found.values());
  }

  async #visit(entry: Descriptor, indexes: readonly Descriptor[]): Promise<readonly Candidate[]> {
    if (!isIndexType(entry.mediaType) && !isManifestType(entry.mediaType)) return [];
    // A layout that was made for some platforms only may lack the blobs of others.
    if (indexes.length > 0 && this.#archive.find(blobPath(entry)) === undefined) return [];
    const parsed = parseManifestOrIndex(
      await this.#archive.read(blobOf(this.#archive, entry)),
      entry.mediaType,
    );
    if (parsed.kind === "index") return await this.candidatesOf(parsed.manifests, [...indexes, entry]);
    if (isSignatureManifest(parsed)) {
      if (this.#signatures.size < MAX_SIGNATURE_MANIFESTS)
        this.#signatures.set(entry.digest, { entry, manifest: parsed });
      return [];
    }
    if (!isImageConfigType(parsed.config.mediaType)) return [];
    const platform = entry.platform ?? (await this.#platformOf(parsed));
    return [{ descriptor: entry, manifest: parsed, platform, indexes }];
  }

  async #platformOf({ config }: Manifest): Promise<Platform> {
    const { os, architecture, variant } = parseImageConfig(
      await this.#archive.read(blobOf(this.#archive, config)),
    );
    return { os, architecture, ...(variant === undefined ? {} : { variant }) };
  }
}

async function planImage(
  archive: ArchiveIndex,
  { descriptor, manifest, indexes }: Candidate,
  names: readonly Reference[],
  signal: AbortSignal,
): Promise<PlannedImage> {
  const config = parseImageConfig(await archive.read(blobOf(archive, manifest.config)));
  const layers = planLayers(config, manifest.layers);
  for (const needed of [...indexes, descriptor, manifest.config, ...manifest.layers])
    await archive.keep(blobOf(archive, needed), signal);
  const { digest, size } = descriptor;
  return {
    id: manifest.config.digest,
    config,
    descriptor: { mediaType: manifest.mediaType, digest, size },
    layers,
    names,
    ...(indexes.length > 0 && { indexes: indexArtifacts(indexes, digest) }),
  };
}

function tagOf({ annotations }: Descriptor): string | undefined {
  return annotations?.["io.containerd.image.name"] ?? annotations?.["org.opencontainers.image.ref.name"];
}

/** The archive has checked that the file has the digest; the size must be the descriptor's too. */
function blobOf(archive: ArchiveIndex, descriptor: Descriptor): ArchiveFile {
  const file = archive.get(blobPath(descriptor));
  if (file.digest !== descriptor.digest)
    throw new Fault("invalid", `invalid archive: ${blobPath(descriptor)} has the digest ${file.digest}`);
  if (file.size !== descriptor.size)
    throw new Fault(
      "invalid",
      `invalid archive: ${descriptor.digest} has ${file.size} bytes, its descriptor says ${descriptor.size}`,
    );
  return file;
}

function blobPath({ digest }: Descriptor): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
