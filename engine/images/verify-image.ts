import { isDeepStrictEqual } from "node:util";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import { chainIdsOf } from "#oci/chain-id.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import { parseManifest } from "#oci/manifest.ts";
import { parseImageConfig } from "#oci/parse-image-config.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import { sha256Of } from "#engine/content/sha256.ts";
import { claimOf } from "./archive-index.ts";
import type { ImageDeps } from "./image-deps.ts";
import type { ImageRecord } from "./images.ts";

/** What is known already of what images share. */
export interface LookMemo {
  readonly blobs: Map<Digest, readonly string[]>;
  /** By chain ID, which a first layer that is plain has in common with its blob. */
  readonly layers: Map<Digest, readonly string[]>;
}

export function emptyMemo(): LookMemo {
  return { blobs: new Map(), layers: new Map() };
}

/** For looks that nobody waits for. */
export interface LookOptions {
  readonly memo: LookMemo;
  /** Called often; resolves when work may go on. */
  readonly pace: () => Promise<void>;
  readonly skipsLayers: boolean;
}

/**
 * What of an image is not as it came: its record, every blob by its digest, and every unpacked layer against its blob. Reads all of
 * it, and keeps a mark on an image that was altered, which is refused from then on; one that is sound again loses its mark.
 */
export async function verifyImage(
  deps: ImageDeps,
  image: ImageRecord,
  signal: AbortSignal,
  options: LookOptions = { memo: emptyMemo(), pace: async () => {}, skipsLayers: false },
): Promise<readonly string[]> {
  await using lease = deps.leases.hold();
  const claim = claimOf(lease);
  const blobs = blobsOf(deps, image);
  for (const digest of blobs) await claim(digest);
  for (const ref of image.chainIds) await lease.protect({ kind: "snapshot", ref });
  if (deps.store.findById(image.id) === undefined) throw new Fault("not-found", `No such image: ${image.id}`);
  const problems = [...(await recordProblems(deps.content, image))];
  for (const digest of blobs) {
    const found =
      options.memo.blobs.get(digest) ?? (await blobProblems(deps.content, digest, options, signal));
    options.memo.blobs.set(digest, found);
    problems.push(...found);
  }
  // A layer whose blob is altered has nothing to be compared with.
  const isCompared = problems.length === 0 && !options.skipsLayers;
  if (isCompared) problems.push(...(await layerProblems(deps, image, options, signal)));
  // What was found in a layer is not taken back without another look at it.
  if (problems.length === 0 && options.skipsLayers) return problems;
  const foundAt = new Date(deps.now()).toISOString();
  await deps.store.markDamage(
    image.id,
    problems.length === 0 ? undefined : { imageId: image.id, foundAt, problems: problems.slice(0, 10) },
  );
  return problems;
}

function blobsOf({ store }: ImageDeps, { id, manifest, layers }: ImageRecord): ReadonlySet<Digest> {
  const blobs = new Set<Digest>([manifest, id, ...layers.map(({ digest }) => digest)]);
  const subjects = new Set<Digest>([manifest]);
  for (const subject of subjects)
    for (const { kind, descriptor, blobs: parts } of store.artifactsOf(subject)) {
      for (const digest of [descriptor.digest, ...parts]) blobs.add(digest);
      if (kind === "index") subjects.add(descriptor.digest);
    }
  return blobs;
}

/** Whether the record says what manifest and config say. Reads those two, verified by their digests. */
export async function recordProblems(content: ContentStore, image: ImageRecord): Promise<readonly string[]> {
  try {
    const manifest = parseManifest(await content.read(image.manifest, MAX_DOCUMENT_BYTES));
    const config = parseImageConfig(await content.read(image.id, MAX_DOCUMENT_BYTES));
    const recorded = parseImageConfig(Buffer.from(JSON.stringify(image.config)));
    const claims: readonly (readonly [boolean, string])[] = [
      [manifest.config.digest === image.id, "the manifest is of another config"],
      [image.descriptor.digest === image.manifest, "the record names two manifests"],
      [isDeepStrictEqual(config, recorded), "the record's config is not the image's"],
      [
        isDeepStrictEqual(
          manifest.layers.map(({ digest, size, mediaType }) => [digest, size, mediaType]),
          image.layers.map(({ digest, size, mediaType }) => [digest, size, mediaType]),
        ),
        "the record's layers are not the image's",
      ],
      [
        isDeepStrictEqual(chainIdsOf(config.rootfs.diff_ids.map(parseDigest), sha256Of), [...image.chainIds]),
        "the record's unpacked layers are not the image's",
      ],
    ];
    return claims.filter(([holds]) => !holds).map(([, problem]) => problem);
  } catch (error) {
    if (!isFault(error) && !(error instanceof TypeError)) throw error;
    return [`its record, manifest or config: ${messageOf(error)}`];
  }
}

async function blobProblems(
  content: ContentStore,
  digest: Digest,
  { pace }: LookOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  try {
    for await (const _ of await content.open(digest)) {
      signal.throwIfAborted();
      await pace();
    }
    return [];
  } catch (error) {
    if (!isFault(error, "internal") && !isFault(error, "not-found")) throw error;
    return [isFault(error, "not-found") ? `blob ${digest} is missing` : `blob ${digest} is altered`];
  }
}

async function layerProblems(
  { content, snapshots }: ImageDeps,
  image: ImageRecord,
  { memo, pace }: LookOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const [index, { digest, mediaType }] of image.layers.entries()) {
    const chainId = image.chainIds[index] ?? image.id;
    const diffId = parseDigest(image.config.rootfs.diff_ids[index] ?? "");
    const source = { paths: content.pathsOf(digest), mediaType, diffId };
    const found =
      memo.layers.get(chainId) ??
      (snapshots.hasLayer(chainId) ? await snapshots.verify(chainId, source, signal) : ["it is missing"]);
    memo.layers.set(chainId, found);
    await pace();
    problems.push(...found.map((what) => `unpacked layer ${chainId}: ${what}`));
  }
  return problems;
}
