import { bytesFrom } from "#base/bytes-from.ts";
import { Fault } from "#base/fault.ts";
import type { RegistrySettings } from "#base/registry-settings.ts";
import { Slots } from "#base/slots.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import type { Digest } from "#oci/digest.ts";
import type { Index, Manifest } from "#oci/manifest.ts";
import { formatReference, type Reference } from "#oci/reference.ts";
import { connectRegistry, originsOf } from "#engine/registry/connect.ts";
import { type Credentials, anonymous } from "#engine/registry/credentials.ts";
import { remoteDetail } from "#engine/registry/remote-fault.ts";
import { Repository } from "#engine/registry/repository.ts";
import { retrying } from "#engine/registry/retry.ts";
import { steadyBlob } from "#engine/registry/steady-blob.ts";
import { RepositoryWriter } from "#engine/registry/upload.ts";
import type { ImageDeps } from "./image-deps.ts";
import { CompressedUpload } from "./compressed-upload.ts";
import type { OutgoingBlob, PendingLayer } from "./image-export.ts";
import { findPushedBlobs, presenceOf, rememberPushed } from "./pushed-blobs.ts";
import { fetchDocument } from "./remote-image.ts";

/** A repository, and who asks for it. */
export interface Place {
  /** With a tag or a digest. */
  readonly reference: Reference;
  readonly credentials: Credentials;
  /** The client has said that this registry needs no certificate that can be checked, nor TLS. */
  readonly isInsecure: boolean;
}

/** What is put into a repository: blobs, and the manifest that makes something of them. */
export interface Parcel {
  readonly blobs: readonly OutgoingBlob[];
  /** What the manifest lists, where it is an index: sent by their digests. */
  readonly manifests?: readonly (Descriptor & { readonly bytes: Uint8Array })[];
  readonly manifest: Descriptor & { readonly bytes: Uint8Array };
}

/** Is told of what happens. */
export interface SendWatch {
  /** A blob is looked for and sent where it is missing; what this returns is called when it is there. */
  readonly blob?: (blob: OutgoingBlob) => () => void;
  /** Only the manifest is left. */
  readonly last?: () => void;
}

/** Content of any kind between this host and registries: what is no image, or one that is not called by its name here. */
export interface ContentExchange {
  /**
   * Sends what is missing of the blobs, then the manifest, under the place's tag or its own digest.
   *
   * @throws {Fault} `remote`, with the registry's words
   */
  send(place: Place, parcel: Parcel, watch: SendWatch, signal: AbortSignal): Promise<void>;
  /**
   * Sends layers, compressed as they go: nothing of that is written here, and what they became is known afterwards.
   *
   * @throws {Fault} `remote`, with the registry's words
   */
  stream(place: Place, layers: readonly PendingLayer[], signal: AbortSignal): Promise<void>;
  /** The image, if it is still here, is known to be there under that digest. */
  remember(reference: Reference, image: Digest, target: Digest): Promise<void>;
  /** @throws {Fault} `remote`; `invalid` for what is neither manifest nor index */
  open(place: Place, signal: AbortSignal): Promise<RemoteContent>;
}

/** What a reference means at its registry; to be read until it is disposed of. */
export interface RemoteContent extends Disposable {
  readonly descriptor: Descriptor;
  readonly document: Manifest | Index;
  /** Another one of the repository. @throws {Fault} */
  documentOf(descriptor: Descriptor, signal: AbortSignal): Promise<Manifest | Index>;
  /** From `offset` on, not verified, through broken connections. @throws {Fault} `remote` */
  blob(descriptor: Descriptor, offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

const tries = 3;

export class RegistryExchange implements ContentExchange {
  readonly #images: ImageDeps;
  readonly #settings: RegistrySettings;
  readonly #uploads: Slots;

  constructor(images: ImageDeps, settings: RegistrySettings) {
    this.#images = images;
    this.#settings = settings;
    this.#uploads = new Slots(settings.uploads);
  }

  async send(
    place: Place,
    { blobs, manifests = [], manifest }: Parcel,
    watch: SendWatch,
    signal: AbortSignal,
  ): Promise<void> {
    const { reference } = place;
    using connected = await this.#connect(place, signal);
    const reader = new Repository(connected.endpoint, reference.path, "pull,push");
    const writer = new RepositoryWriter(connected.endpoint, reference.path);
    const pushed = await findPushedBlobs(this.#images, reference);
    const repositoriesOf = (digest: Digest) => pushed.repositoriesOf(digest);
    const unique = new Map(blobs.map((blob) => [blob.digest, blob]));
    await this.#each([...unique.values()], signal, async (blob, until) => {
      const done = watch.blob?.(blob);
      await this.#sendBlob(reader, writer, blob, repositoriesOf, until);
      done?.();
    });
    for (const child of new Map(manifests.map((one) => [one.digest, one])).values())
      await retrying(() => writer.putManifest(child.digest, child, signal), tries, signal);
    watch.last?.();
    const name = reference.tag ?? manifest.digest;
    await retrying(() => writer.putManifest(name, manifest, signal), tries, signal);
  }

  async stream(place: Place, layers: readonly PendingLayer[], signal: AbortSignal): Promise<void> {
    if (layers.length === 0) return;
    using connected = await this.#connect(place, signal);
    const writer = new RepositoryWriter(connected.endpoint, place.reference.path);
    await this.#each(layers, signal, async (layer, until) => {
      const upload = new CompressedUpload(
        () => layer.open(),
        () => {},
        (source) => layer.compress(source),
      );
      await writer.uploadAsItComes(
        () => upload.whole,
        (offset) => upload.from(offset),
        () => {},
        until,
      );
      if (upload.whole !== undefined) layer.became(upload.whole);
    });
  }

  /** Several at once; the first failure stops the others, and nothing is under way any more when it is thrown. */
  async #each<T>(
    items: readonly T[],
    signal: AbortSignal,
    work: (item: T, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const all = items.map(async (item) => {
      try {
        await this.#uploads.run(() => work(item, either), either);
      } catch (error) {
        stop.abort(error);
        throw error;
      }
    });
    await Promise.allSettled(all);
    signal.throwIfAborted();
    if (stop.signal.aborted) throw stop.signal.reason;
  }

  async #sendBlob(
    reader: Repository,
    writer: RepositoryWriter,
    blob: OutgoingBlob,
    repositoriesOf: (digest: Digest) => readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const { digest, size } = blob;
    if ((await presenceOf({ reader, writer, repositoriesOf }, digest, signal)) !== undefined) return;
    const { content } = this.#images;
    if (blob.make !== undefined && (await content.find(digest)) === undefined) await blob.make(signal);
    const sourceFrom = async function* (offset: number) {
      yield* bytesFrom((await content.open(digest)) as AsyncIterable<Uint8Array>, offset);
    };
    await writer.upload({ digest, size }, sourceFrom, () => {}, signal);
  }

  async remember(reference: Reference, image: Digest, target: Digest): Promise<void> {
    await rememberPushed(this.#images, reference, image, target);
  }

  /** Mirrors come first, and are not told who asks. */
  async open(place: Place, signal: AbortSignal): Promise<RemoteContent> {
    const origins = originsOf(place.reference.domain, this.#settings);
    let failure: unknown;
    for (const [index, origin] of origins.entries())
      try {
        const isMirror = index < origins.length - 1;
        return await this.#openAt({ ...place, ...(isMirror && { credentials: anonymous }) }, origin, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (remoteDetail(error) === undefined) throw error;
        failure = error;
      }
    throw refusal(failure, place.reference);
  }

  async #openAt(place: Place, origin: string, signal: AbortSignal): Promise<RemoteContent> {
    const { reference } = place;
    using undo = new DisposableStack();
    const connected = undo.use(await this.#connect(place, signal, origin));
    const repository = new Repository(connected.endpoint, reference.path);
    const wanted = reference.digest ?? reference.tag ?? "latest";
    const { descriptor, parsed } = await fetchDocument(repository, wanted, undefined, signal);
    const kept = undo.move();
    return {
      descriptor,
      document: parsed,
      documentOf: async (other, until) =>
        (await fetchDocument(repository, other.digest, other, until)).parsed,
      blob: (blob, offset, until) => steadyBlob(repository, blob, offset, () => {}, until),
      [Symbol.dispose]: () => kept.dispose(),
    };
  }

  #connect(
    { reference, credentials, isInsecure }: Place,
    signal: AbortSignal,
    origin = originsOf(reference.domain, this.#settings).at(-1) ?? "",
  ) {
    const settings = isInsecure
      ? { ...this.#settings, insecure: [...this.#settings.insecure, reference.domain] }
      : this.#settings;
    return connectRegistry({ settings, now: this.#images.now }, origin, credentials, signal);
  }
}

/** What BuildKit says about what is not there. */
function refusal(error: unknown, reference: Reference): unknown {
  const detail = remoteDetail(error);
  if (!(error instanceof Fault) || detail === undefined) return error;
  if (detail.status !== 404) return error;
  return new Fault("not-found", `${formatReference(reference)}: not found`, {
    cause: error,
    detail: error.detail,
  });
}
