import { Readable } from "node:stream";
import { Fault, isFault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { type Digest, hexOf, isDigest } from "#oci/digest.ts";
import { mediaTypes } from "#oci/media-types.ts";
import {
  familiarName,
  familiarReference,
  formatReference,
  parseReference,
  type Reference,
  repositoryOf,
} from "#oci/reference.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import { type ImageDeps, publish } from "./image-deps.ts";
import type { ImageStore, StoredArtifact } from "./image-store.ts";
import type { ImageRecord } from "./images.ts";
import { isIdPrefix, resolveImage } from "./resolve.ts";
import { signatureArtifacts } from "./stored-signatures.ts";

interface Saved {
  readonly image: Pick<ImageRecord, "id" | "manifest" | "descriptor"> & {
    readonly layers: readonly Pick<Descriptor, "digest" | "size">[];
  };
  readonly names: readonly Reference[];
  /** Its signatures, and the indexes that lead from what they sign to it. */
  readonly artifacts?: readonly StoredArtifact[];
}

type Part = { readonly path: string } & (
  | { readonly bytes: Buffer }
  | { readonly digest: Digest; readonly size: number }
  | { readonly isFolder: true }
);

/**
 * `docker save`: a tar stream that is a Docker archive and an OCI image layout at once. Documents come first, then blobs, each
 * once, so that a reader can begin to work before it has everything. The same images give the same bytes.
 *
 * The blobs are protected until the stream is closed. @throws {Fault} `not-found` before the first byte
 */
export async function saveImages(
  deps: ImageDeps,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Readable> {
  await using undo = new AsyncDisposableStack();
  const lease = undo.use(deps.leases.hold());
  const saved = collectImages(deps, names);
  const blobs = blobsOf(saved);
  for (const { digest } of blobs) await lease.protect({ kind: "blob", ref: digest });
  // Images that are still there now have had their blobs all along, and keep them.
  for (const { image } of saved) resolveImage(deps.store, image.id);
  const stream = Readable.from(archiveOf(deps.content, saved, blobs), { objectMode: false, signal });
  const handedOver = undo.move();
  stream.once("close", () => void handedOver.disposeAsync());
  for (const { image } of saved) publish(deps, "save", image.id, { labels: image.config.config?.Labels });
  return stream;
}

/** As in Docker: a repository without a tag means all of its tags; an ID brings no name along. */
function collectImages(
  deps: ImageDeps,
  names: readonly string[],
): readonly (Saved & { readonly image: ImageRecord })[] {
  const found = new Map<Digest, { image: ImageRecord; names: Map<string, Reference> }>();
  const add = (image: ImageRecord, reference?: Reference) => {
    const entry = found.get(image.id) ?? { image, names: new Map<string, Reference>() };
    if (reference !== undefined && reference.digest === undefined)
      entry.names.set(formatReference(reference), reference);
    found.set(image.id, entry);
  };
  for (const name of names) {
    const tags = tagsOfRepository(deps, name);
    for (const [image, reference] of tags) add(image, reference);
    if (tags.length > 0) continue;
    const image = findSaved(deps, name);
    add(image, isIdPrefix(image.id, name) ? undefined : parseReference(name));
  }
  return Array.from(found.values(), ({ image, names: tags }) => ({
    image,
    names: Array.from(tags.values()),
    artifacts: signedArtifacts(deps.store, image.manifest),
  }));
}

/** @throws {Fault} `not-found` with Docker's texts, which are save's own */
function findSaved({ store }: ImageDeps, name: string): ImageRecord {
  try {
    return resolveImage(store, name);
  } catch (error) {
    if (!isFault(error, "not-found") || isDigest(name)) throw error;
    const hasTag = name.lastIndexOf(":") > name.lastIndexOf("/") || name.includes("@");
    throw new Fault("not-found", hasTag ? "reference does not exist" : `No such image: ${name}`);
  }
}

function tagsOfRepository(deps: ImageDeps, name: string): readonly (readonly [ImageRecord, Reference])[] {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(name)) return [];
  const asked = parseReference(name);
  if (asked.tag !== undefined || asked.digest !== undefined) return [];
  const tags: (readonly [ImageRecord, Reference])[] = [];
  for (const { reference, imageId } of deps.store.names()) {
    const image = deps.store.findById(imageId);
    if (image !== undefined && reference.tag !== undefined && repositoryOf(reference) === repositoryOf(asked))
      tags.push([image, reference]);
  }
  return tags.toSorted(([, left], [, right]) => (formatReference(left) < formatReference(right) ? -1 : 1));
}

/** Nothing for an image without signatures, so that what is saved is what came. */
function signedArtifacts(store: ImageStore, subject: Digest): readonly StoredArtifact[] {
  const signatures = signatureArtifacts(store, subject);
  const indexes = store.artifactsOf(subject).filter(({ kind }) => kind === "index");
  return [
    ...signatures,
    ...indexes.flatMap((index) => {
      const above = signedArtifacts(store, index.descriptor.digest);
      return above.length === 0 ? [] : [index, ...above];
    }),
  ];
}

/** Manifests and configs of all images, then their layers, base first. */
function blobsOf(
  saved: readonly Saved[],
): readonly { readonly digest: Digest; readonly size: number | undefined }[] {
  const blobs = new Map<Digest, number | undefined>();
  for (const { image } of saved) {
    blobs.set(image.manifest, image.descriptor.size);
    blobs.set(image.id, undefined);
  }
  for (const { descriptor, blobs: parts } of saved.flatMap(({ artifacts = [] }) => artifacts)) {
    blobs.set(descriptor.digest, descriptor.size);
    for (const part of parts) blobs.set(part, undefined);
  }
  for (const { image } of saved) for (const { digest, size } of image.layers) blobs.set(digest, size);
  return Array.from(blobs, ([digest, size]) => ({ digest, size }));
}

async function* archiveOf(
  content: ContentStore,
  saved: readonly Saved[],
  blobs: ReturnType<typeof blobsOf>,
): AsyncGenerator<Uint8Array> {
  for (const part of documentsOf(saved)) yield* encode(content, part);
  for (const path of ["blobs", "blobs/sha256"]) yield* encode(content, { path, isFolder: true });
  for (const { digest, size } of blobs) {
    const known = size ?? (await content.find(digest))?.size ?? 0;
    yield* encode(content, { path: blobPath(digest), digest, size: known });
  }
  yield tarEnd;
}

function documentsOf(saved: readonly Saved[]): readonly Part[] {
  const json = (path: string, value: unknown) => ({ path, bytes: Buffer.from(JSON.stringify(value)) });
  const documents = [
    json("oci-layout", { imageLayoutVersion: "1.0.0" }),
    json("index.json", { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: indexEntries(saved) }),
    json("manifest.json", saved.map(dockerEntry)),
  ];
  const repositories = legacyRepositories(saved);
  return Object.keys(repositories).length === 0
    ? documents
    : [...documents, json("repositories", repositories)];
}

function indexEntries(saved: readonly Saved[]): readonly Descriptor[] {
  return saved.flatMap(({ image: { descriptor }, names, artifacts = [] }) => {
    const { mediaType, digest, size } = descriptor;
    const plain = { mediaType, digest, size };
    const signatures = artifacts.map((artifact) => artifact.descriptor);
    if (names.length === 0) return [plain, ...signatures];
    const named = names.map((name) => ({
      ...plain,
      annotations: {
        "io.containerd.image.name": formatReference(name),
        "org.opencontainers.image.ref.name": name.tag ?? "",
      },
    }));
    return [...named, ...signatures];
  });
}

function dockerEntry({ image, names }: Saved): object {
  return {
    Config: blobPath(image.id),
    RepoTags: names.length === 0 ? null : names.map(familiarReference),
    Layers: image.layers.map(({ digest }) => blobPath(digest)),
  };
}

/** What Docker before 1.10 read: repository → tag → ID of the top layer. Some tools still look for it. */
function legacyRepositories(saved: readonly Saved[]): Readonly<Record<string, Record<string, string>>> {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, names } of saved) {
    const top = image.layers.at(-1)?.digest;
    if (top === undefined) continue;
    for (const name of names) {
      const tags = (repositories[familiarName(name)] ??= {});
      tags[name.tag ?? ""] = hexOf(top);
    }
  }
  return repositories;
}

async function* encode(content: ContentStore, part: Part): AsyncGenerator<Uint8Array> {
  if ("isFolder" in part) return yield header(part.path, "directory", 0);
  const size = "bytes" in part ? part.bytes.length : part.size;
  yield header(part.path, "file", size);
  if ("bytes" in part) yield part.bytes;
  else for await (const chunk of await content.open(part.digest)) yield chunk as Uint8Array;
  yield tarPadding(size);
}

function header(path: string, type: "file" | "directory", size: number): Uint8Array {
  return tarHeader({
    type,
    path,
    linkPath: "",
    mode: type === "file" ? 0o644 : 0o755,
    uid: 0,
    gid: 0,
    size,
    mtime: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
  });
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
