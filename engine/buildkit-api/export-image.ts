import { Fault, isFault } from "#base/fault.ts";
import type { Built } from "#engine/build/built.ts";
import { imageConfigOf } from "#engine/build/stage-state.ts";
import type { ContentExchange, Place } from "#engine/images/content-exchange.ts";
import { imageIdOf } from "#engine/images/image-workshop.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import type { Digest } from "#oci/digest.ts";
import { formatInlineCache } from "#oci/cache-config.ts";
import { formatReference, repositoryOf, type Reference, withDigest } from "#oci/reference.ts";
import { type Artifact, artifactOf, isIndex } from "./artifact.ts";
import type { Exporter, ExportDeps } from "./export.ts";
import { inlineRecordsOf } from "./cache-records.ts";
import { type ImageAttributes, parseImageAttributes } from "./image-attributes.ts";
import type { Vertex } from "./progress.ts";
import { credentialsOf } from "./registry-auth.ts";
import type { PlatformImage, Solved } from "./solved.ts";

/** What Docker says of what its image store cannot hold. */
export const noLists =
  "docker exporter does not currently support exporting manifest lists: build one platform at a time";

/**
 * Makes a result an image of this engine, sends it to the registries of its names, or both. An image of several platforms is sent only.
 *
 * @throws {Fault} `invalid` for attributes that make no sense; `remote` with the registry's words
 */
export async function exportImage(
  deps: ExportDeps,
  solved: Solved,
  exporter: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const asked = parseImageAttributes(exporter, isIndex(solved));
  if (solved.isMulti && !asked.pushes) throw new Fault("invalid", noLists);
  const vertex = deps.job.progress.vertex("exporting to image");
  return await vertex.run(async () => {
    vertex.part("exporting layers").done();
    const images = await preparedImages(deps, vertex, solved, asked, signal);
    const only = solved.isMulti ? undefined : images[0]?.built;
    if (asked.isStored && only !== undefined) await store(vertex, only, asked, signal);
    const sendings = asked.pushes ? asked.names.map((name) => new Sending(deps, vertex, name, asked)) : [];
    for (const { built } of images) await sendings[0]?.layers(built, signal);
    const isLookedAt = asked.pushes || asked.isCanonical || asked.danglingName !== undefined;
    if (!isLookedAt && only !== undefined) return responseOf(expectedId(only), asked.names, undefined);
    const artifact = await artifactOf({ job: deps.job, vertex }, solved, images, asked, signal);
    const names = namesOf(asked, artifact);
    if (asked.isStored) await nameByDigest(deps, vertex, names, artifact);
    for (const sending of sendings) await sending.whole(artifact, signal);
    return responseOf(artifact.image?.id, names, artifact.descriptor);
  });
}

/** The images of a result as they are to be exported: with their cache, with times that SOURCE_DATE_EPOCH allows. */
export async function preparedImages(
  { hasInlineCache }: Pick<ExportDeps, "hasInlineCache">,
  vertex: Vertex,
  { images }: Solved,
  { rewritesTimes }: ImageAttributes,
  signal: AbortSignal,
): Promise<readonly PlatformImage[]> {
  const prepared: PlatformImage[] = [];
  for (const { platform, built: plain } of images) {
    let built = plain;
    if (rewritesTimes && plain.epoch !== undefined) {
      const part = vertex.part(`rewriting layers with source-date-epoch ${plain.epoch}`);
      built = await plain.rewritten(plain.epoch, signal);
      part.done();
    }
    prepared.push({ platform, built: hasInlineCache ? inlined(vertex, built) : built });
  }
  return prepared;
}

/** The image tells how its layers came to be. */
function inlined(vertex: Vertex, built: Built): Built {
  vertex.part("preparing layers for inline cache").done();
  const records = inlineRecordsOf(built);
  return records.length === 0 ? built : built.withInlineCache(formatInlineCache(records));
}

function expectedId({ state }: Built): Digest {
  return state.id ?? imageIdOf(imageConfigOf(state));
}

async function store(
  vertex: Vertex,
  built: Built,
  { names }: ImageAttributes,
  signal: AbortSignal,
): Promise<void> {
  const writing = vertex.part(`writing image ${expectedId(built)}`);
  const tagged = names.filter(({ tag }) => tag !== undefined);
  await built.commit(tagged, signal);
  writing.done();
  for (const name of tagged) vertex.part(`naming to ${shownName(name)}`).done();
}

async function nameByDigest(
  { exchange }: ExportDeps,
  vertex: Vertex,
  names: readonly Reference[],
  { image, descriptor }: Artifact,
): Promise<void> {
  if (image === undefined) return;
  for (const name of names) {
    if (name.digest === undefined) continue;
    await (await exchange()).remember(name, image.id, descriptor.digest);
    vertex.part(`naming to ${shownName(name)}`).done();
  }
}

function namesOf(
  { names, danglingName, isCanonical }: ImageAttributes,
  { descriptor: { digest } }: Artifact,
): readonly Reference[] {
  if (names.length === 0) return danglingName === undefined ? [] : [withDigest(danglingName, digest)];
  return isCanonical ? names.flatMap((name) => [name, withDigest(name, digest)]) : names;
}

/** One name of the image, on its way to its registry. */
class Sending {
  readonly #deps: ExportDeps;
  readonly #vertex: Vertex;
  readonly #reference: Reference;
  readonly #asked: ImageAttributes;
  #part: ReturnType<Vertex["part"]> | undefined;

  constructor(deps: ExportDeps, vertex: Vertex, name: Reference, asked: ImageAttributes) {
    this.#deps = deps;
    this.#vertex = vertex;
    this.#reference = asked.pushesByDigest ? { domain: name.domain, path: name.path } : name;
    this.#asked = asked;
  }

  /** Sends what has not been compressed yet, as it is compressed. @throws {Fault} */
  async layers({ outgoing, state }: Built, signal: AbortSignal): Promise<void> {
    const pending = await outgoing.pending(state.layers, this.#asked.options);
    if (pending.length === 0) return;
    this.#part = this.#vertex.part("pushing layers");
    await this.#try(signal, async (exchange, place) => await exchange.stream(place, pending, signal));
  }

  /** @throws {Fault} */
  async whole({ image, descriptor, bytes, manifests, blobs }: Artifact, signal: AbortSignal): Promise<void> {
    this.#part ??= this.#vertex.part("pushing layers");
    const name = formatReference(this.#reference);
    const last = () => {
      this.#part?.done();
      this.#part = this.#vertex.part(`pushing manifest for ${name}@${descriptor.digest}`);
    };
    await this.#try(signal, async (exchange, place) => {
      const parcel = { blobs, manifests, manifest: { ...descriptor, bytes } };
      await exchange.send(place, parcel, { last }, signal);
      if (image !== undefined) await exchange.remember(this.#reference, image.id, descriptor.digest);
    });
    this.#part.done();
  }

  async #try(
    signal: AbortSignal,
    work: (exchange: ContentExchange, place: Place) => Promise<void>,
  ): Promise<void> {
    const { session, exchange } = this.#deps;
    const reference = this.#reference;
    const credentials = credentialsOf(await session(), reference.domain);
    const { isInsecure } = this.#asked;
    try {
      await work(await exchange(), { reference, credentials, isInsecure });
    } catch (error) {
      this.#part?.done();
      signal.throwIfAborted();
      if (!isFault(error)) throw error;
      const message = `failed to push ${formatReference(reference)}: ${error.message}`;
      throw new Fault(error.kind, message, { cause: error });
    }
  }
}

/** What the client is told. @param id of the only image */
export function responseOf(
  id: Digest | undefined,
  names: readonly Reference[],
  descriptor: Descriptor | undefined,
): ReadonlyMap<string, string> {
  return new Map([
    ["containerimage.digest", descriptor?.digest ?? id ?? ""],
    ...(id === undefined ? [] : [["containerimage.config.digest", id] as const]),
    ...(descriptor === undefined ? [] : [["containerimage.descriptor", encoded(descriptor)] as const]),
    ...(names.length === 0 ? [] : [["image.name", names.map(shownName).join(",")] as const]),
  ]);
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64");
}

/** As Docker shows it: `:latest` is not said. */
function shownName(name: Reference): string {
  if (name.tag === undefined && name.digest === undefined) return repositoryOf(name);
  return formatReference(name).replace(/:latest$/, "");
}
