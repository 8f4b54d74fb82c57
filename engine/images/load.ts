import type { Readable } from "node:stream";
import { Fault } from "#base/fault.ts";
import { type Digest, hexOf } from "#oci/digest.ts";
import { familiarReference } from "#oci/reference.ts";
import { abortable } from "#engine/content/abortable.ts";
import { ArchiveIndex } from "./archive-index.ts";
import { commitImages } from "./commit-images.ts";
import { decompressed } from "./decompress.ts";
import { planDockerArchive } from "./docker-archive.ts";
import { type ImageDeps, publish } from "./image-deps.ts";
import type { LoadOptions, Progress } from "./images.ts";
import { suits } from "./pull.ts";
import { type PlannedSignatures, planOciLayout } from "./oci-layout.ts";
import type { PlannedImage } from "./planned-image.ts";
import { unpackImages, type UnpackWatch } from "./unpack.ts";

/**
 * `docker load`. One pass over the archive; nothing is visible until all of its images are whole and unpacked; what a failure or
 * an abort leaves behind is collected before it is reported.
 *
 * @throws {Fault} `invalid` for an archive that is broken or lies; `not-found` when it has nothing for the host's platform;
 *   `exhausted` when the disk is full; `forbidden` when the trust policy refuses one of them, before anything is unpacked
 */
export async function loadImages(
  deps: ImageDeps,
  archive: Readable,
  { report, platform }: LoadOptions,
  signal: AbortSignal,
): Promise<void> {
  try {
    await using lease = deps.leases.hold();
    const archiveDeps = { content: deps.content, lease };
    const source = decompressed(abortable<Uint8Array>(archive, signal));
    const index = await ArchiveIndex.read(archiveDeps, source, signal);
    const { images: found, signatures } = index.has("oci-layout")
      ? await planOciLayout(index, platform ?? deps.platform, signal)
      : { images: await planDocker(archiveDeps, index, signal), signatures: [] };
    const images = platform === undefined ? found : found.filter((image) => suits(image, platform));
    if (found.length === 0) requireSubjects(deps, signatures);
    await deps.admission.entering(images, signatures, "load", signal);
    await unpackImages(
      { ...archiveDeps, snapshots: deps.snapshots, store: deps.store, watch: watchLoad(report) },
      images,
      signal,
    );
    await commitImages(deps, images, { report, artifacts: signatures.map(({ artifact }) => artifact) });
    reportSignatures(signatures, report);
    for (const image of images) reportLoaded(deps, image, report);
  } catch (error) {
    await deps.collector.tidy();
    throw error;
  }
  deps.collector.request(); // files of the archive that no image needed
}

function watchLoad(report: (progress: Progress) => void): UnpackWatch {
  return {
    available: async () => {},
    unpacking: ({ diffId, descriptor: { size: total } }, current) =>
      report({
        status: "Loading layer",
        id: hexOf(diffId).slice(0, 12),
        progressDetail: { current, total },
      }),
    placed: () => {},
  };
}

/** @throws {Fault} `not-found` when an archive of signatures alone has none for an image that is here */
function requireSubjects({ store }: ImageDeps, signatures: readonly PlannedSignatures[]): void {
  const known = new Set<Digest>([...store.list()].map(({ manifest }) => manifest));
  for (const { target } of store.names()) known.add(target);
  if (
    signatures.some(
      ({ artifact: { subject } }) => known.has(subject) || store.artifactsOf(subject).length > 0,
    )
  )
    return;
  throw new Fault("not-found", "the archive has signatures alone, and no image here is what they are for");
}

function reportSignatures(
  signatures: readonly PlannedSignatures[],
  report: (progress: Progress) => void,
): void {
  for (const { artifact } of signatures) report({ stream: `Loaded signature of: ${artifact.subject}\n` });
}

async function planDocker(
  deps: Parameters<typeof planDockerArchive>[0],
  index: ArchiveIndex,
  signal: AbortSignal,
): Promise<readonly PlannedImage[]> {
  if (!index.has("manifest.json"))
    throw new Fault("invalid", "invalid archive: neither a Docker archive nor an OCI image layout");
  return await planDockerArchive(deps, index, signal);
}

function reportLoaded(deps: ImageDeps, image: PlannedImage, report: (progress: Progress) => void): void {
  publish(deps, "load", image.id, { labels: image.config.config?.Labels });
  for (const name of image.names) report({ stream: `Loaded image: ${familiarReference(name)}\n` });
  if (image.names.length === 0) report({ stream: `Loaded image ID: ${image.id}\n` });
}
