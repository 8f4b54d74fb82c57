import { type Digest, isDigest } from "#oci/digest.ts";
import { Fault } from "#base/fault.ts";
import type { Endpoint } from "./endpoint.ts";
import { type Answer, discard } from "./exchange.ts";
import { remoteDetail } from "./remote-fault.ts";
import { Patience } from "./retry.ts";
import type { WantedBlob } from "./steady-blob.ts";

/** One repository of a registry, to be written. @see OCI distribution-spec v1.1.1, "Push" */
export class RepositoryWriter {
  readonly #endpoint: Endpoint;
  readonly #name: string;

  constructor(endpoint: Endpoint, name: string) {
    this.#endpoint = endpoint;
    this.#name = name;
  }

  /** Makes the blob of another repository one of this, too; false when the registry does not do that, or refuses. */
  async mount(digest: Digest, from: string, signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#mount(digest, from, signal);
    } catch (error) {
      if (remoteDetail(error) === undefined) throw error;
      return false;
    }
  }

  async #mount(digest: Digest, from: string, signal: AbortSignal): Promise<boolean> {
    const query = new URLSearchParams({ mount: digest, from });
    const path = `/v2/${this.#name}/blobs/uploads/?${String(query)}`;
    const scopes = [...this.#scopes, `repository:${from}:pull`];
    const answer = await this.#endpoint.ask({ method: "POST", path, scopes }, [201, 202], signal);
    discard(answer);
    if (answer.status === 201) return true;
    await this.#cancel(answer, signal);
    return false;
  }

  /**
   * Sends a blob. A broken connection is taken up where the registry says that it has got to.
   *
   * @param sourceFrom the blob's bytes from an offset on; may be called several times
   * @throws {Fault} `remote`
   */
  async upload(
    blob: WantedBlob,
    sourceFrom: (offset: number) => AsyncIterable<Uint8Array>,
    onWait: (seconds: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await this.uploadAsItComes(() => blob, sourceFrom, onWait, signal);
  }

  /**
   * {@link RepositoryWriter.upload}, of a blob whose digest and size are known only when its bytes have been read to the end.
   *
   * @param whole undefined until then
   */
  async uploadAsItComes(
    whole: () => WantedBlob | undefined,
    sourceFrom: (offset: number) => AsyncIterable<Uint8Array>,
    onWait: (seconds: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const patience = new Patience(maxFailures);
    let upload: Upload | undefined;
    for (;;) {
      try {
        const next: Upload | undefined =
          upload === undefined ? await this.#begin(signal) : await this.#progressOf(upload, whole(), signal);
        if (next === undefined) return;
        if (next.offset > (upload?.offset ?? 0)) patience.reset();
        upload = next;
        const place = await this.#send(upload, whole(), sourceFrom(upload.offset), signal);
        const blob = whole();
        if (blob === undefined) throw new Error("an upload ended before its source");
        return await this.#finish(place, blob.digest, signal);
      } catch (error) {
        await patience.after(error, onWait, signal);
      }
    }
  }

  /**
   * Returns whether the registry lists it among the referrers of its subject.
   *
   * @throws {Fault} `remote`; `invalid` when the registry knows it by another digest
   */
  async putManifest(
    reference: string,
    manifest: { readonly mediaType: string; readonly digest: Digest; readonly bytes: Uint8Array },
    signal: AbortSignal,
  ): Promise<{ readonly listsSubject: boolean }> {
    const answer = await this.#endpoint.ask(
      {
        method: "PUT",
        path: `/v2/${this.#name}/manifests/${reference}`,
        headers: { "Content-Type": manifest.mediaType },
        body: () => manifest.bytes,
        scopes: this.#scopes,
      },
      [200, 201, 202],
      signal,
    );
    discard(answer);
    const stated = String(answer.headers["docker-content-digest"] ?? "");
    if (isDigest(stated) && stated !== manifest.digest)
      throw new Fault("invalid", `the registry took the manifest ${manifest.digest} for ${stated}`);
    return { listsSubject: answer.headers["oci-subject"] !== undefined };
  }

  get #scopes(): readonly string[] {
    return [`repository:${this.#name}:pull,push`];
  }

  async #begin(signal: AbortSignal): Promise<Upload> {
    const path = `/v2/${this.#name}/blobs/uploads/`;
    const answer = await this.#endpoint.ask({ method: "POST", path, scopes: this.#scopes }, [202], signal);
    discard(answer);
    return { place: this.#endpoint.placeOf(answer.headers.location), offset: 0 };
  }

  /** Where an upload whose connection broke goes on; undefined when the registry has the blob after all. */
  async #progressOf(
    upload: Upload,
    blob: WantedBlob | undefined,
    signal: AbortSignal,
  ): Promise<Upload | undefined> {
    const ask = { method: "GET", path: upload.place, scopes: this.#scopes } as const;
    try {
      const answer = await this.#endpoint.ask(ask, [204], signal);
      discard(answer);
      const end = Number(/^(?:bytes=)?0-(\d+)$/.exec(String(answer.headers["range"] ?? ""))?.[1] ?? 0);
      const place =
        answer.headers.location === undefined
          ? upload.place
          : this.#endpoint.placeOf(answer.headers.location);
      return { place, offset: end === 0 ? 0 : end + 1 };
    } catch (error) {
      const { status = 0 } = remoteDetail(error) ?? {};
      if (status < 400 || status >= 500 || status === 401 || status === 429) throw error;
    }
    if (blob === undefined) return await this.#begin(signal);
    const path = `/v2/${this.#name}/blobs/${blob.digest}`;
    const answer = await this.#endpoint.ask(
      { method: "HEAD", path, scopes: this.#scopes },
      [200, 404],
      signal,
    );
    discard(answer);
    return answer.status === 200 ? undefined : await this.#begin(signal);
  }

  async #send(
    { place, offset }: Upload,
    blob: WantedBlob | undefined,
    source: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<URL> {
    if (blob !== undefined && offset >= blob.size) return place;
    const headers = { "Content-Type": "application/octet-stream", ...rangeOf(offset, blob?.size) };
    const ask = { method: "PATCH", path: place, headers, body: () => source, scopes: this.#scopes } as const;
    const answer = await this.#endpoint.ask(ask, [202, 204, 201], signal);
    discard(answer);
    return this.#endpoint.placeOf(answer.headers.location);
  }

  async #finish(place: URL, digest: Digest, signal: AbortSignal): Promise<void> {
    const url = new URL(place);
    url.searchParams.set("digest", digest);
    const ask = { method: "PUT", path: url, body: () => new Uint8Array(0), scopes: this.#scopes } as const;
    discard(await this.#endpoint.ask(ask, [201, 204], signal));
  }

  /** Of an upload that nobody goes on with. The registry would find out by itself some day. */
  async #cancel({ headers }: Answer, signal: AbortSignal): Promise<void> {
    try {
      const place = this.#endpoint.placeOf(headers.location);
      const ask = { method: "DELETE", path: place, scopes: this.#scopes } as const;
      discard(await this.#endpoint.ask(ask, [204, 200, 202, 404, 405], signal));
    } catch (error) {
      if (remoteDetail(error) === undefined) throw error;
    }
  }
}

/** Of a body whose end is not known the registry is told nothing: it comes in chunks, and goes behind what is there. */
function rangeOf(offset: number, size: number | undefined): Readonly<Record<string, string>> {
  if (size === undefined) return {};
  return {
    "Content-Length": String(size - offset),
    ...(offset > 0 && { "Content-Range": `${offset}-${size - 1}` }),
  };
}

/** Where an upload goes on, and from which byte. */
interface Upload {
  readonly place: URL;
  readonly offset: number;
}

const maxFailures = 6;
