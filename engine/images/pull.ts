import { Fault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import type { Digest } from "#oci/digest.ts";
import { parseImageConfig } from "#oci/parse-image-config.ts";
import { compatiblePlatforms, formatPlatform, normalisePlatform, type Platform } from "#oci/platform.ts";
import { familiarReference, formatReference, type Reference, withDigest } from "#oci/reference.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import type { Item } from "#engine/gc/leases.ts";
import type { Repository } from "#engine/registry/repository.ts";
import { retrying } from "#engine/registry/retry.ts";
import type { Slots } from "#base/slots.ts";
import { steadyBlob } from "#engine/registry/steady-blob.ts";
import { commitImages } from "./commit-images.ts";
import { changing, type ImageDeps } from "./image-deps.ts";
import type { StoredArtifact } from "./image-store.ts";
import type { ImageRecord, Progress } from "./images.ts";
import { LayerProgress } from "./layer-progress.ts";
import { startTransfers } from "./layer-transfers.ts";
import { indexArtifacts, type PlannedImage, type PlannedLayer, planLayers } from "./planned-image.ts";
import type { PullLeases } from "./pull-leases.ts";
import { fetchRemoteImage, type RemoteImage } from "./remote-image.ts";
import { unpackImages } from "./unpack.ts";

export interface PullDeps extends ImageDeps {
  readonly slots: Slots;
  readonly pullLeases: PullLeases;
}

/** One pull of one tag or digest. */
export interface PullTask {
  readonly repository: Repository;
  /** With a tag or a digest. */
  readonly reference: Reference;
  /** Undefined when the user did not ask for one. */
  readonly platform: Platform | undefined;
  readonly report: (progress: Progress) => void;
}

type Protect = (item: Item) => Promise<void>;

const tries = 3;

/**
 * Gets what one reference means at its registry. Returns whether there was anything new; the closing line is the caller's.
 *
 * @throws {Fault} `remote`, `not-found`, `invalid`, `exhausted`
 */
export async function pullReference(deps: PullDeps, task: PullTask, signal: AbortSignal): Promise<boolean> {
  const { repository, reference, report } = task;
  const wanted = reference.digest ?? reference.tag ?? "";
  const peeked = await retrying(() => repository.peek(wanted, signal), tries, signal);
  report({ status: `Pulling from ${reference.path}`, id: reference.tag ?? familiarReference(reference) });
  // Under a policy what is here already is looked at again: its signatures may have come since.
  const known =
    deps.admission.gate === undefined &&
    peeked.digest &&
    findCurrent(deps, reference, peeked.digest, task.platform);
  const target =
    (known || undefined)?.target ?? (await fetchImage(deps, task, peeked.digest ?? wanted, signal));
  report({ status: `Digest: ${target.digest}` });
  return target.isNew;
}

/** The image is here under that name and digest, so there is nothing to get. */
function findCurrent(
  { store }: ImageDeps,
  reference: Reference,
  digest: Digest,
  platform: Platform | undefined,
): { readonly target: { readonly digest: Digest; readonly isNew: false } } | undefined {
  for (const name of [reference, withDigest(reference, digest)]) {
    const known = store.findName(name);
    if (known?.target !== digest) return undefined;
    const image = store.findById(known.imageId);
    if (image === undefined || (platform !== undefined && !suits(image, platform))) return undefined;
  }
  return { target: { digest, isNew: false } };
}

/** Whether the image runs where `platform` was asked for. */
export function suits({ config }: Pick<ImageRecord, "config">, platform: Platform): boolean {
  const own = formatPlatform(normalisePlatform(platformOf(config)));
  return compatiblePlatforms(platform).some((each) => formatPlatform(each) === own);
}

export function platformOf({ os, architecture, variant }: ImageRecord["config"]): Platform {
  return { os, architecture, ...(variant !== undefined && variant !== "" && { variant }) };
}

function fetchImage(deps: PullDeps, task: PullTask, wanted: string, signal: AbortSignal) {
  const { reference } = task;
  return deps.pullLeases.during(formatReference(reference), async (protect) => {
    const remote = await fetchRemoteImage(task.repository, wanted, task.platform ?? deps.platform, signal);
    for (const { descriptor, bytes } of remote.documents)
      await keep(deps, protect, descriptor, bytes, signal);
    const names = namesFor(reference, remote.target.digest);
    const origin = await admit(deps, task, remote, protect, signal);
    const before = deps.store.findName(reference)?.imageId;
    const here = await adoptKnown(deps, remote, protect);
    const image = here ?? (await getImage(deps, task, remote, protect, signal));
    if (here !== undefined)
      for (const { digest } of remote.manifest.layers)
        new LayerProgress(digest, task.report, deps.now).tell("Already exists");
    const lastTaggedAt = new Date(deps.now()).toISOString();
    const { indexes, artifacts } = origin;
    const named = { ...image, names, target: remote.target.digest, indexes };
    await commitImages(deps, [named], { lastTaggedAt, artifacts });
    return { digest: remote.target.digest, isNew: before !== image.id };
  });
}

/** Before a layer is fetched. @throws {Fault} `forbidden` */
async function admit(
  deps: PullDeps,
  { repository, reference }: PullTask,
  { documents, descriptor }: RemoteImage,
  protect: Protect,
  signal: AbortSignal,
): Promise<{ readonly indexes: readonly StoredArtifact[]; readonly artifacts: readonly StoredArtifact[] }> {
  const chain = documents.map((document) => document.descriptor);
  const indexes = indexArtifacts(chain.slice(0, -1), descriptor.digest);
  if (deps.admission.gate === undefined) return { indexes, artifacts: [] };
  const { fetchSignatures } = await import("./remote-signatures.ts");
  const found = await Promise.all(
    chain.map(({ digest }) =>
      fetchSignatures(repository, digest, (part, bytes) => keep(deps, protect, part, bytes, signal), signal),
    ),
  );
  const signatures = found.flat();
  await deps.admission.entering([{ descriptor, indexes, names: [reference] }], signatures, "pull", signal);
  return { indexes, artifacts: signatures.map(({ artifact }) => artifact) };
}

function namesFor(reference: Reference, digest: Digest): readonly Reference[] {
  const byDigest = withDigest(reference, digest);
  return reference.digest === undefined ? [reference, byDigest] : [byDigest];
}

/**
 * The image is here already, perhaps with layers compressed in another way: nothing more is needed of the registry. From here on
 * it stays.
 */
async function adoptKnown(
  deps: PullDeps,
  { manifest }: RemoteImage,
  protect: Protect,
): Promise<PlannedImage | undefined> {
  const id = manifest.config.digest;
  const record = deps.store.findById(id);
  if (record === undefined) return undefined;
  for (const ref of [id, record.manifest, ...record.layers.map(({ digest }) => digest)])
    await protect({ kind: "blob", ref });
  for (const ref of record.chainIds) await protect({ kind: "snapshot", ref });
  return await changing(deps, async () => {
    if (deps.store.findById(id) === undefined) return undefined;
    const { config, descriptor, layers } = record;
    return { id, config, descriptor, layers: planLayers(config, layers), names: [] };
  });
}

async function getImage(
  deps: PullDeps,
  task: PullTask,
  remote: RemoteImage,
  protect: Protect,
  signal: AbortSignal,
): Promise<PlannedImage> {
  const { manifest, descriptor } = remote;
  const config = parseImageConfig(await getConfig(deps, task.repository, manifest.config, protect, signal));
  if (config.os !== "linux")
    throw new Fault(
      "invalid",
      `operating system is not supported: ${JSON.stringify(config.os).slice(0, 100)}`,
    );
  const layers = planLayers(config, manifest.layers);
  await Promise.all(layers.map((layer) => protect({ kind: "blob", ref: layer.descriptor.digest })));
  await getLayers(deps, task, layers, protect, signal);
  return { id: manifest.config.digest, config, descriptor, layers, names: [] };
}

async function getConfig(
  deps: PullDeps,
  repository: Repository,
  descriptor: Descriptor,
  protect: Protect,
  signal: AbortSignal,
): Promise<Buffer> {
  if (descriptor.size > MAX_DOCUMENT_BYTES)
    throw new Fault(
      "invalid",
      `invalid image config: ${descriptor.size} bytes, at most ${MAX_DOCUMENT_BYTES} are allowed`,
    );
  const claim = (ref: Digest) => protect({ kind: "blob", ref });
  const source = (offset: number) => steadyBlob(repository, descriptor, offset, () => {}, signal);
  await deps.content.resume({ ...descriptor, claim }, source, signal);
  return await deps.content.read(descriptor.digest, MAX_DOCUMENT_BYTES);
}

/** Everything that is missing comes at once, as far as there are slots; a layer is unpacked as soon as it and its parent are there. */
async function getLayers(
  deps: PullDeps,
  task: PullTask,
  layers: readonly PlannedLayer[],
  protect: Protect,
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const { watch, transfers } = await startTransfers(deps, task, layers, either);
  const { content, snapshots, store } = deps;
  try {
    await unpackImages({ content, snapshots, store, lease: { protect }, watch }, [{ layers }], either);
  } finally {
    stop.abort();
    await Promise.allSettled(transfers);
  }
}

async function keep(
  { content }: ImageDeps,
  protect: Protect,
  { digest, size }: Descriptor,
  bytes: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const source = (async function* () {
    yield bytes;
  })();
  await content.ingest(source, { digest, size, claim: (ref) => protect({ kind: "blob", ref }) }, signal);
}
