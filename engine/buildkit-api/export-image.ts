import { Fault, isFault } from "#base/fault.ts";
import type { Built } from "#engine/build/built.ts";
import { imageConfigOf } from "#engine/build/stage-state.ts";
import type { ContentExchange, Place } from "#engine/images/content-exchange.ts";
import type { ExportedImage } from "#engine/images/image-export.ts";
import { imageIdOf } from "#engine/images/image-workshop.ts";
import type { Digest } from "#oci/digest.ts";
import { formatInlineCache } from "#oci/cache-config.ts";
import { formatReference, repositoryOf, type Reference, withDigest } from "#oci/reference.ts";
import type { Exporter, ExportDeps } from "./export.ts";
import { inlineRecordsOf } from "./cache-records.ts";
import { type ImageAttributes, parseImageAttributes } from "./image-attributes.ts";
import type { Vertex } from "./progress.ts";
import { credentialsOf } from "./registry-auth.ts";

/**
 * Makes a result an image of this engine, sends it to the registries of its names, or both.
 *
 * @throws {Fault} `invalid` for attributes that make no sense; `remote` with the registry's words
 */
export async function exportImage(
  deps: ExportDeps,
  plain: Built,
  exporter: Exporter,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const asked = parseImageAttributes(exporter);
  const vertex = deps.job.progress.vertex("exporting to image");
  return await vertex.run(async () => {
    vertex.part("exporting layers").done();
    const built = deps.hasInlineCache ? inlined(vertex, plain) : plain;
    if (asked.isStored) await store(vertex, built, asked, signal);
    const sendings = asked.pushes ? asked.names.map((name) => new Sending(deps, vertex, name, asked)) : [];
    await sendings[0]?.layers(built, signal);
    const isLookedAt = asked.pushes || asked.isCanonical || asked.danglingName !== undefined;
    const exported = isLookedAt ? await built.export(asked.options, signal) : undefined;
    if (exported === undefined) return responseOf(expectedId(built), asked.names, undefined);
    vertex.part(`exporting manifest ${exported.descriptor.digest}`).done();
    vertex.part(`exporting config ${exported.id}`).done();
    const names = namesOf(asked, exported);
    if (asked.isStored) await nameByDigest(deps, vertex, names, exported);
    for (const sending of sendings) await sending.whole(exported, signal);
    return responseOf(exported.id, names, exported);
  });
}

/** The image tells how its layers came to be. */
export function inlined(vertex: Vertex, built: Built): Built {
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
  { id, descriptor }: ExportedImage,
): Promise<void> {
  for (const name of names) {
    if (name.digest === undefined) continue;
    await (await exchange()).remember(name, id, descriptor.digest);
    vertex.part(`naming to ${shownName(name)}`).done();
  }
}

function namesOf(
  { names, danglingName, isCanonical }: ImageAttributes,
  { descriptor: { digest } }: ExportedImage,
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
  async whole({ id, descriptor, bytes, config, layers }: ExportedImage, signal: AbortSignal): Promise<void> {
    this.#part ??= this.#vertex.part("pushing layers");
    const name = formatReference(this.#reference);
    const last = () => {
      this.#part?.done();
      this.#part = this.#vertex.part(`pushing manifest for ${name}@${descriptor.digest}`);
    };
    await this.#try(signal, async (exchange, place) => {
      const parcel = { blobs: [...layers, config], manifest: { ...descriptor, bytes } };
      await exchange.send(place, parcel, { last }, signal);
      await exchange.remember(this.#reference, id, descriptor.digest);
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

/** What the client is told. */
export function responseOf(
  id: Digest,
  names: readonly Reference[],
  exported: ExportedImage | undefined,
): ReadonlyMap<string, string> {
  return new Map([
    ["containerimage.digest", exported?.descriptor.digest ?? id],
    ["containerimage.config.digest", id],
    ...(exported === undefined ? [] : [["containerimage.descriptor", encoded(exported.descriptor)] as const]),
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
