import type { Built, Outgoing } from "#engine/build/built.ts";
import type { ExportedImage, ExportOptions, OutgoingBlob } from "#engine/images/image-export.ts";
import { type Digest, hexOf } from "#oci/digest.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { mediaTypes } from "#oci/media-types.ts";
import type { Reference } from "#oci/reference.ts";
import { type Attestation, attestationsOf, statementOf } from "./attestations.ts";
import type { ImageAttributes } from "./image-attributes.ts";
import type { Job } from "./jobs.ts";
import type { Vertex } from "./progress.ts";
import { packageUrl } from "./provenance.ts";
import type { PlatformImage, Solved } from "./solved.ts";

/** A manifest, or an index with its manifests, as it is to be elsewhere. */
export interface Artifact {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  /** Where there is but one. */
  readonly image: ExportedImage | undefined;
  /** What an index lists. */
  readonly manifests: readonly (Descriptor & { readonly bytes: Buffer })[];
  /** Everything that is no manifest. */
  readonly blobs: readonly OutgoingBlob[];
}

/** Whether the result is an index: several platforms, or attestations that are wanted for sure. */
export function isIndex({ isMulti, account: { attest } }: Solved): boolean {
  return isMulti || attest.hasSbom || attest.provenance?.isInlineOnly === false;
}

interface ArtifactDeps {
  readonly job: Job;
  readonly vertex: Vertex;
}

/**
 * Makes the documents of an image for elsewhere. They are held as long as the result is.
 *
 * @param images of the result, as they are to be exported
 * @throws {Fault} `exhausted` for a full disk
 */
export async function artifactOf(
  { job, vertex }: ArtifactDeps,
  solved: Solved,
  images: readonly PlatformImage[],
  asked: ImageAttributes,
  signal: AbortSignal,
): Promise<Artifact> {
  const { hasSbom, provenance } = solved.account.attest;
  const isAttested = isIndex(solved) && (hasSbom || provenance !== undefined);
  const exported: { readonly image: PlatformImage; readonly made: ExportedImage }[] = [];
  for (const image of images) {
    const options = asked.optionsFor(image.platform);
    const made = await exportOne(vertex, image.built, options, isAttested, signal);
    exported.push({ image, made });
  }
  const [first] = exported;
  if (first === undefined) throw new TypeError("an export without an image");
  const image = exported.length === 1 ? first.made : undefined;
  if (!isIndex(solved)) {
    const { descriptor, bytes, layers, config } = first.made;
    return { descriptor, bytes, image, manifests: [], blobs: [...layers, config] };
  }
  const told: Said[] = [];
  if (isAttested)
    for (const one of exported) {
      const said = await attestationsOf(solved.account, one.image, vertex, job.progress.now(), signal);
      told.push(await writeAttestations(vertex, one.image, one.made, said, asked.names, signal));
    }
  const manifests = [
    ...exported.map(({ made }) => manifestOf(made)),
    ...told.map(({ manifest }) => manifest),
  ];
  const blobs = [
    ...exported.flatMap(({ made }) => [...made.layers, made.config]),
    ...told.flatMap((one) => one.blobs),
  ];
  const usesOci = isAttested || asked.optionsFor(first.image.platform).usesOciTypes;
  return {
    ...(await writeIndex(vertex, first.image.built, manifests, usesOci, asked, signal)),
    image,
    manifests,
    blobs,
  };
}

async function exportOne(
  vertex: Vertex,
  built: Built,
  options: ExportOptions,
  isAttested: boolean,
  signal: AbortSignal,
): Promise<ExportedImage> {
  const made = await built.export(isAttested ? { ...options, usesOciTypes: true } : options, signal);
  vertex.part(`exporting manifest ${made.descriptor.digest}`).done();
  vertex.part(`exporting config ${made.id}`).done();
  return made;
}

function manifestOf({ descriptor, bytes }: ExportedImage) {
  return { ...descriptor, bytes };
}

interface Said {
  readonly manifest: Descriptor & { readonly bytes: Buffer };
  readonly blobs: readonly OutgoingBlob[];
}

/** @see BuildKit, "Attestation storage" */
async function writeAttestations(
  vertex: Vertex,
  { built, platform }: PlatformImage,
  { descriptor }: ExportedImage,
  said: readonly Attestation[],
  names: readonly Reference[],
  signal: AbortSignal,
): Promise<Said> {
  const subject = names.map((name) => ({
    name: packageUrl(name, platform),
    digest: { sha256: hexOf(descriptor.digest) },
  }));
  const layers: (Descriptor & { readonly annotations: Readonly<Record<string, string>> })[] = [];
  for (const one of said) {
    const blob = await write(
      built.outgoing,
      "application/vnd.in-toto+json",
      statementOf(one, subject),
      signal,
    );
    layers.push({ ...blob.descriptor, annotations: { "in-toto.io/predicate-type": one.predicateType } });
  }
  const diffIds = layers.map(({ digest }) => digest);
  const image = {
    architecture: "unknown",
    os: "unknown",
    config: {},
    rootfs: { type: "layers", diff_ids: diffIds },
  };
  const { descriptor: config } = await write(built.outgoing, mediaTypes.ociConfig, image, signal);
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers };
  const manifest = await write(built.outgoing, mediaTypes.ociManifest, document, signal);
  vertex.part(`exporting attestation manifest ${manifest.descriptor.digest}`).done();
  return {
    manifest: {
      ...manifest.descriptor,
      annotations: {
        "vnd.docker.reference.digest": descriptor.digest,
        "vnd.docker.reference.type": "attestation-manifest",
      },
      platform: { architecture: "unknown", os: "unknown" },
      bytes: manifest.bytes,
    },
    blobs: [...layers, config],
  };
}

async function writeIndex(
  vertex: Vertex,
  { outgoing }: Built,
  manifests: Artifact["manifests"],
  usesOci: boolean,
  { indexAnnotations, indexDescriptorAnnotations }: ImageAttributes,
  signal: AbortSignal,
): Promise<Pick<Artifact, "descriptor" | "bytes">> {
  const mediaType = usesOci ? mediaTypes.ociIndex : mediaTypes.dockerManifestList;
  const document = {
    schemaVersion: 2,
    mediaType,
    manifests: manifests.map(withoutBytes),
    ...(Object.keys(indexAnnotations).length > 0 && { annotations: indexAnnotations }),
  };
  const { descriptor, bytes } = await write(outgoing, mediaType, document, signal);
  vertex.part(`exporting manifest list ${descriptor.digest}`).done();
  const hasOwn = Object.keys(indexDescriptorAnnotations).length > 0;
  return { descriptor: { ...descriptor, ...(hasOwn && { annotations: indexDescriptorAnnotations }) }, bytes };
}

async function write(
  outgoing: Outgoing,
  mediaType: string,
  document: object,
  signal: AbortSignal,
): Promise<{
  readonly descriptor: { mediaType: string; digest: Digest; size: number };
  readonly bytes: Buffer;
}> {
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = await outgoing.document(bytes, signal);
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}

function withoutBytes({ bytes, ...descriptor }: Artifact["manifests"][number]): Descriptor {
  return { ...descriptor, size: bytes.length };
}
