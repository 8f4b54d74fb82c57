import { bytesFrom } from "#base/bytes-from.ts";
import { Fault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import { parseManifest } from "#oci/manifest.ts";
import { mediaTypes } from "#oci/media-types.ts";
import { type Reference } from "#oci/reference.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import type { BlobInfo } from "#engine/content/content-store.ts";
import type { Lease } from "#engine/gc/leases.ts";
import type { Repository } from "#engine/registry/repository.ts";
import { retrying } from "#engine/registry/retry.ts";
import type { Slots } from "#base/slots.ts";
import type { RepositoryWriter } from "#engine/registry/upload.ts";
import { storeBlob } from "./archive-index.ts";
import { CompressedUpload } from "./compressed-upload.ts";
import type { ImageDeps } from "./image-deps.ts";
import type { ImageRecord, Progress } from "./images.ts";
import { LayerProgress } from "./layer-progress.ts";
import { pushSignatures } from "./push-signatures.ts";
import { findPushedBlobs, presenceOf, type PushedBlobs, rememberPushed } from "./pushed-blobs.ts";
import { signatureArtifacts } from "./stored-signatures.ts";

export interface PushDeps extends ImageDeps {
  readonly slots: Slots;
}

/** One push of one tag. */
export interface PushTask {
  readonly reader: Repository;
  readonly writer: RepositoryWriter;
  /** With a tag. */
  readonly reference: Reference;
  readonly image: ImageRecord;
  readonly report: (progress: Progress) => void;
}

interface KnowingTask extends PushTask {
  readonly known: PushedBlobs;
  /** Its signatures are of the manifest as it is: plain layers stay plain. */
  readonly isSigned: boolean;
}

const tries = 3;

/** What plain layers become on their way. */
const compressedTypes: ReadonlyMap<string, string> = new Map([
  [mediaTypes.ociLayer, mediaTypes.ociLayerGzip],
  ["application/vnd.docker.image.rootfs.diff.tar", mediaTypes.dockerLayerGzip],
]);

/**
 * Puts an image into its repository: what is missing of its blobs, then the manifest, as it is stored here unless it has plain
 * layers, which go compressed; a signed one goes as it was signed, with its signatures.
 *
 * @throws {Fault} `remote`; `not-found` when the image is removed meanwhile
 */
export async function pushImage(deps: PushDeps, task: PushTask, signal: AbortSignal): Promise<void> {
  const { image, reference, report } = task;
  const isSigned = signatureArtifacts(deps.store, image.manifest).length > 0;
  const knowing = { ...task, known: await findPushedBlobs(deps, reference), isSigned };
  await using lease = deps.leases.hold();
  for (const ref of [image.id, image.manifest, ...image.layers.map(({ digest }) => digest)])
    await lease.protect({ kind: "blob", ref });
  if (deps.store.findById(image.id) === undefined) throw new Fault("not-found", `No such image: ${image.id}`);
  const lines = image.config.rootfs.diff_ids.map(
    (diffId) => new LayerProgress(parseDigest(diffId), report, deps.now),
  );
  for (const line of lines.toReversed()) line.tell("Preparing");
  const layers = await pushLayers(deps, knowing, lines, signal);
  const manifest = await manifestFor(deps, image, layers, lease, signal);
  if (!(await isThere(knowing, manifest.config, undefined, signal)))
    await send(deps, task, manifest.config, undefined, signal);
  const tag = reference.tag ?? "";
  const { descriptor, bytes } = manifest;
  await retrying(() => task.writer.putManifest(tag, { ...descriptor, bytes }, signal), tries, signal);
  await rememberPushed(deps, reference, image.id, descriptor.digest);
  if (isSigned)
    for (const signature of await pushSignatures({ ...deps, ...task }, descriptor.digest, signal))
      report({ status: `signature pushed: ${signature}` });
  const { digest, size } = descriptor;
  report({ status: `${tag}: digest: ${digest} size: ${size}` });
  report({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } });
}

/** Several at once; the first failure stops the others. Returns what the manifest is to say, base first. */
async function pushLayers(
  deps: PushDeps,
  task: KnowingTask,
  lines: readonly LayerProgress[],
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const pushes = new Map<Digest, Promise<Descriptor>>();
  const { layers } = task.image;
  for (const [index, layer] of layers.entries().toArray().toReversed()) {
    const line = lines[index];
    if (line === undefined || pushes.has(layer.digest)) continue;
    if (deps.slots.isFull) line.tell("Waiting");
    const { mediaType, digest, size } = layer;
    const push = deps.slots.run(
      () => pushLayer(deps, task, { mediaType, digest, size }, line, either),
      either,
    );
    push.catch((error: unknown) => stop.abort(error));
    pushes.set(layer.digest, push);
  }
  await Promise.allSettled(pushes.values());
  signal.throwIfAborted();
  if (stop.signal.aborted) throw stop.signal.reason;
  return await Promise.all(layers.map(({ digest }) => pushes.get(digest) as Promise<Descriptor>));
}

async function pushLayer(
  deps: PushDeps,
  task: KnowingTask,
  layer: Descriptor,
  line: LayerProgress,
  signal: AbortSignal,
): Promise<Descriptor> {
  const mediaType = task.isSigned ? undefined : compressedTypes.get(layer.mediaType);
  if (mediaType === undefined) {
    if (!(await isThere(task, layer, line, signal))) await send(deps, task, layer, line, signal);
    return layer;
  }
  const known = task.known.compressedOf(layer.digest);
  if (known !== undefined && (await isThere(task, known, line, signal))) return { ...known, mediaType };
  return { mediaType, ...(await sendCompressed(deps, task, layer, line, signal)) };
}

/** The progress is of the plain bytes, as Docker's. */
async function sendCompressed(
  { content }: PushDeps,
  { writer }: PushTask,
  { digest, size }: Descriptor,
  line: LayerProgress,
  signal: AbortSignal,
): Promise<BlobInfo> {
  const open = async () => (await content.open(digest)) as AsyncIterable<Uint8Array>;
  const upload = new CompressedUpload(open, (bytes) => line.advance("Pushing", bytes, size));
  const sourceFrom = (offset: number) => upload.from(offset);
  await writer.uploadAsItComes(() => upload.whole, sourceFrom, retryLine(line), signal);
  line.mark("Pushing", size, size);
  line.tell("Pushed");
  if (upload.whole === undefined) throw new Error("an upload ended before its source");
  return upload.whole;
}

function retryLine(line: LayerProgress | undefined): (seconds: number) => void {
  return (seconds) => line?.tell(`Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`);
}

/** The repository has the blob, or gets it from another one of the registry. */
async function isThere(
  { reader, writer, known }: KnowingTask,
  { digest }: Descriptor,
  line: LayerProgress | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const presence = await presenceOf({ reader, writer, ...known }, digest, signal);
  if (presence === undefined) return false;
  line?.tell(
    presence.mountedFrom === undefined ? "Layer already exists" : `Mounted from ${presence.mountedFrom}`,
  );
  return true;
}

async function send(
  { content }: PushDeps,
  { writer }: PushTask,
  { digest, size }: Descriptor,
  line: LayerProgress | undefined,
  signal: AbortSignal,
): Promise<void> {
  const sourceFrom = async function* (offset: number) {
    let current = offset;
    for await (const chunk of bytesFrom((await content.open(digest)) as AsyncIterable<Uint8Array>, offset)) {
      current += chunk.length;
      line?.advance("Pushing", current, size);
      yield chunk;
    }
  };
  await writer.upload({ digest, size }, sourceFrom, retryLine(line), signal);
  line?.mark("Pushing", size, size);
  line?.tell("Pushed");
}

interface BuiltManifest {
  readonly descriptor: Descriptor;
  readonly config: Descriptor;
  readonly bytes: Buffer;
}

/** As it is stored, so that its digest stays what it is, or else with the layers as they were sent. */
async function manifestFor(
  deps: PushDeps,
  image: ImageRecord,
  layers: readonly Descriptor[],
  lease: Lease,
  signal: AbortSignal,
): Promise<BuiltManifest> {
  const stored = await deps.content.read(image.manifest, MAX_DOCUMENT_BYTES);
  const { config, mediaType } = parseManifest(stored, image.descriptor.mediaType);
  const isAsStored = layers.every(({ digest }, index) => digest === image.layers[index]?.digest);
  if (isAsStored) return { descriptor: image.descriptor, config, bytes: stored };
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType, config, layers: layers.map(bare) }),
  );
  const digest = await storeBlob({ content: deps.content, lease }, bytes, signal);
  return { descriptor: { mediaType, digest, size: bytes.length }, config, bytes };
}

function bare({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
