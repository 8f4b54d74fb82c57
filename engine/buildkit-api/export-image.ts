import { Fault, isFault } from "#base/fault.ts";
import type { Built } from "#engine/build/built.ts";
import { imageConfigOf } from "#engine/build/stage-state.ts";
import type { ContentExchange } from "#engine/images/content-exchange.ts";
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
    const isLookedAt = asked.pushes || asked.isCanonical || asked.danglingName !== undefined;
    const exported = isLookedAt ? await built.export(asked.options, signal) : undefined;
    const id = exported?.id ?? expectedId(built);
    if (exported !== undefined) {
      vertex.part(`exporting manifest ${exported.descriptor.digest}`).done();
      vertex.part(`exporting config ${id}`).done();
    }
    const names = namesOf(asked, exported);
    if (asked.isStored) await store(deps, vertex, built, names, exported, signal);
    if (asked.pushes && exported !== undefined)
      for (const name of asked.names) await push(deps, vertex, name, asked, exported, signal);
    return responseOf(id, names, exported);
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
  { exchange }: ExportDeps,
  vertex: Vertex,
  built: Built,
  names: readonly Reference[],
  exported: ExportedImage | undefined,
  signal: AbortSignal,
): Promise<void> {
  const writing = vertex.part(`writing image ${expectedId(built)}`);
  const id = await built.commit(
    names.filter(({ tag }) => tag !== undefined),
    signal,
  );
  writing.done();
  for (const name of names) {
    if (exported !== undefined && name.digest !== undefined)
      await (await exchange()).remember(name, id, exported.descriptor.digest);
    vertex.part(`naming to ${shownName(name)}`).done();
  }
}

function namesOf(
  { names, danglingName, isCanonical }: ImageAttributes,
  exported: ExportedImage | undefined,
): readonly Reference[] {
  if (exported === undefined) return names;
  const { digest } = exported.descriptor;
  if (names.length === 0) return danglingName === undefined ? [] : [withDigest(danglingName, digest)];
  return isCanonical ? names.flatMap((name) => [name, withDigest(name, digest)]) : names;
}

async function push(
  { session, exchange, job }: ExportDeps,
  vertex: Vertex,
  name: Reference,
  { isInsecure, pushesByDigest }: ImageAttributes,
  { id, descriptor, bytes, config, layers }: ExportedImage,
  signal: AbortSignal,
): Promise<void> {
  const credentials = credentialsOf(await session(), name.domain);
  const reference = pushesByDigest ? { domain: name.domain, path: name.path } : name;
  const place = { reference, credentials, isInsecure };
  const parcel = { blobs: [...layers, config], manifest: { ...descriptor, bytes } };
  const pushing = vertex.part("pushing layers");
  const manifest = { part: pushing };
  const last = () => {
    pushing.done();
    manifest.part = vertex.part(`pushing manifest for ${formatReference(reference)}@${descriptor.digest}`);
  };
  const remote: ContentExchange = await exchange();
  try {
    await remote.send(place, parcel, { last }, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!isFault(error)) throw error;
    throw new Fault(error.kind, `failed to push ${formatReference(reference)}: ${error.message}`, {
      cause: error,
    });
  } finally {
    manifest.part.done();
  }
  await remote.remember(reference, id, descriptor.digest);
  job.signal.throwIfAborted();
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
