import { collect } from "#base/collect.ts";
import { Fault } from "#base/fault.ts";
import type { Builder } from "#engine/build/builder.ts";
import { sha256Of } from "#engine/content/sha256.ts";
import type { RemoteContent } from "#engine/images/content-exchange.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { type Digest, isDigest } from "#oci/digest.ts";
import { parseManifestOrIndex } from "#oci/manifest.ts";
import { formatPlatform, type Platform, selectPlatform } from "#oci/platform.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import { ClientContent } from "./client-content.ts";
import type { Session } from "./sessions.ts";

/** A manifest or an index, and what it leads to. */
export type Blobs = Pick<RemoteContent, "document" | "documentOf" | "blob" | "descriptor">;

/**
 * What a digest means in a folder of the client with an OCI layout.
 *
 * @param store by which the client knows the folder
 * @throws {Fault} `invalid` when it is something else; what the client says
 */
export async function openLayout(
  session: Session,
  store: string,
  digest: Digest,
  signal: AbortSignal,
): Promise<Blobs> {
  const content = new ClientContent(session, store);
  const blob = ({ digest: wanted }: Pick<Descriptor, "digest">, offset: number, until: AbortSignal) =>
    content.read(wanted, offset, until);
  const documentOf = async (descriptor: Pick<Descriptor, "digest">, until: AbortSignal) =>
    parseManifestOrIndex(await readDocument(blob(descriptor, 0, until), descriptor.digest));
  const document = await documentOf({ digest }, signal);
  return { descriptor: { mediaType: document.mediaType, digest, size: 0 }, document, documentOf, blob };
}

/**
 * Makes an image here of one in a folder of the client, and returns its ID.
 *
 * @param address `STORE[:TAG]@DIGEST`
 * @throws {Fault} as {@link openLayout}; `not-found` when there is none for the platform
 */
export async function importLayout(
  { builder, session, platform }: { builder: Builder; session: Session; platform: Platform },
  address: string,
  signal: AbortSignal,
): Promise<Digest> {
  const [, store = "", digest = ""] = /^([^:@]+)(?::[^@]*)?@(.+)$/.exec(address) ?? [];
  if (!isDigest(digest)) throw new Fault("invalid", `invalid oci-layout reference ${address.slice(0, 200)}`);
  const blobs = await openLayout(session, `oci:${store}`, digest, signal);
  let { document } = blobs;
  if (document.kind === "index") {
    const chosen = selectPlatform(document.manifests, platform);
    if (chosen === undefined)
      throw new Fault("not-found", `no match for platform in manifest: ${formatPlatform(platform)}`);
    document = await blobs.documentOf(chosen, signal);
  }
  if (document.kind === "index") throw new Fault("invalid", "invalid index: nested too deeply");
  const { config, layers } = document;
  const bytes = await readDocument(blobs.blob(config, 0, signal), config.digest);
  return await builder.takeImage(bytes, layers, (blob, offset) => blobs.blob(blob, offset, signal), signal);
}

/** @throws {Fault} `invalid` for one that is too large, or another one */
export async function readDocument(source: AsyncIterable<Uint8Array>, digest: string): Promise<Buffer> {
  const tooLarge = () => new Fault("invalid", `${digest} is larger than a document may be`);
  const bytes = Buffer.concat(await collect(source, MAX_DOCUMENT_BYTES, tooLarge));
  if (sha256Of(bytes) !== digest) throw new Fault("invalid", `unexpected content of ${digest}`);
  return bytes;
}
