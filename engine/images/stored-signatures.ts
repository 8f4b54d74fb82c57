import { isFault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import type { Digest } from "#oci/digest.ts";
import { parseIndex, parseManifest } from "#oci/manifest.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import { type FoundSignature, MAX_SIGNATURES, type SignatureSource } from "#engine/trust/signature-source.ts";
import type { ImageStore, StoredArtifact } from "./image-store.ts";
import { signaturesIn } from "./signature-artifacts.ts";

type Deps = { readonly store: ImageStore; readonly content: ContentStore };

/** The signatures that are kept beside images. One whose blobs are gone or altered does not count. */
export class StoredSignatures implements SignatureSource {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async find(subjects: readonly Digest[], signal: AbortSignal): Promise<readonly FoundSignature[]> {
    const artifacts = subjects.flatMap((subject) => signatureArtifacts(this.#deps.store, subject));
    const found: FoundSignature[] = [];
    for (const { descriptor } of artifacts.slice(0, MAX_SIGNATURES)) {
      signal.throwIfAborted();
      const bytes = await this.#read(descriptor);
      if (bytes === undefined) continue;
      found.push(...(await signaturesIn(parseManifest(bytes), (layer) => this.#read(layer))));
    }
    return found;
  }

  async #read({ digest }: Descriptor): Promise<Uint8Array | undefined> {
    try {
      return await this.#deps.content.read(digest, MAX_DOCUMENT_BYTES);
    } catch (error) {
      if (isFault(error)) return undefined;
      throw error;
    }
  }
}

export function signatureArtifacts(store: ImageStore, subject: Digest): readonly StoredArtifact[] {
  return store.artifactsOf(subject).filter(({ kind }) => kind === "signature");
}

/** The manifest, and every index here that leads to it, as the very bytes of the index say. */
export async function subjectsOf({ store, content }: Deps, manifest: Digest): Promise<readonly Digest[]> {
  const found = new Set<Digest>([manifest]);
  for (const subject of found)
    for (const { kind, descriptor } of store.artifactsOf(subject)) {
      if (kind !== "index") continue;
      const { manifests } = parseIndex(await content.read(descriptor.digest, MAX_DOCUMENT_BYTES));
      if (manifests.some(({ digest }) => digest === subject)) found.add(descriptor.digest);
    }
  return Array.from(found);
}
