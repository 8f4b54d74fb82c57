import { bytesFrom } from "#base/bytes-from.ts";
import type { Digest } from "#oci/digest.ts";
import { isDigest } from "#oci/digest.ts";
import { Fault } from "#base/fault.ts";
import { mediaTypes } from "#oci/media-types.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import type { Ask, Endpoint } from "./endpoint.ts";
import { type Answer, discard, textOf } from "./exchange.ts";
import { remoteFault } from "./remote-fault.ts";

export interface RemoteManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
  /** What the registry says that the digest is; it may be none that we can check. */
  readonly statedDigest: string | undefined;
}

const manifestTypes = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifestList,
  mediaTypes.dockerManifest,
  "*/*",
].join(", ");
const maxTagPages = 1000;
const maxTags = 100_000;

/** One repository of a registry, to be read. @see OCI distribution-spec v1.1.1 */
export class Repository {
  readonly endpoint: Endpoint;
  /** `library/nginx` */
  readonly name: string;
  readonly #scopes: readonly string[];

  constructor(endpoint: Endpoint, name: string, actions: "pull" | "pull,push" = "pull") {
    this.endpoint = endpoint;
    this.name = name;
    this.#scopes = [`repository:${name}:${actions}`];
  }

  /** Digest and size of what a tag or digest means, as far as the registry says. @throws {Fault} `remote` */
  async peek(
    reference: string,
    signal: AbortSignal,
  ): Promise<{ readonly digest: Digest | undefined; readonly size: number; readonly mediaType: string }> {
    const accept = { Accept: manifestTypes };
    const answer = await this.#ask("HEAD", `manifests/${reference}`, accept, [200, 404], signal);
    if (answer.status === 404) {
      // The answer to HEAD cannot say more.
      discard(answer);
      const detail = { code: "MANIFEST_UNKNOWN", status: 404, isTransient: false };
      throw remoteFault("manifest unknown: manifest unknown", detail);
    }
    discard(answer);
    const digest = String(answer.headers["docker-content-digest"] ?? "");
    return {
      digest: isDigest(digest) ? digest : undefined,
      size: Number(answer.headers["content-length"] ?? 0),
      mediaType: mediaTypeOf(answer),
    };
  }

  /** Not verified. @throws {Fault} `remote`, also when it is larger than a manifest may be */
  async manifest(reference: string, signal: AbortSignal): Promise<RemoteManifest> {
    const answer = await this.#ask("GET", `manifests/${reference}`, { Accept: manifestTypes }, [200], signal);
    const stated = answer.headers["docker-content-digest"];
    return {
      mediaType: mediaTypeOf(answer),
      bytes: await textOf(answer, MAX_DOCUMENT_BYTES),
      statedDigest: typeof stated === "string" ? stated : undefined,
    };
  }

  /** The index of what refers to a manifest; undefined when the registry does not know the question. @throws {Fault} `remote` */
  async referrers(digest: Digest, signal: AbortSignal): Promise<Buffer | undefined> {
    const accept = { Accept: mediaTypes.ociIndex };
    const answer = await this.#ask("GET", `referrers/${digest}`, accept, [200, 404], signal);
    if (answer.status === 200) return await textOf(answer, MAX_DOCUMENT_BYTES);
    discard(answer);
    return undefined;
  }

  /** Whether the repository has the blob. @throws {Fault} `remote` */
  async hasBlob(digest: Digest, signal: AbortSignal): Promise<boolean> {
    const answer = await this.#ask("HEAD", `blobs/${digest}`, {}, [200, 404], signal);
    discard(answer);
    return answer.status === 200;
  }

  /**
   * The blob's bytes from `offset` on, one answer's worth: not verified, and broken off where the connection breaks.
   *
   * @throws {Fault} `remote`
   */
  async *blob(digest: Digest, offset: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const headers = offset === 0 ? {} : { Range: `bytes=${offset}-` };
    const answer = await this.#ask("GET", `blobs/${digest}`, headers, [200, 206], signal);
    const toSkip = answer.status === 206 ? skipOf(answer, offset) : offset;
    try {
      yield* bytesFrom(answer.body as AsyncIterable<Buffer>, toSkip);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Fault) throw error;
      throw remoteFault("unexpected EOF", { code: "", status: 0, isTransient: true }, error);
    } finally {
      answer.body.destroy();
    }
  }

  /** All tags, in the registry's order. @throws {Fault} `remote` */
  async tags(signal: AbortSignal): Promise<readonly string[]> {
    const tags: string[] = [];
    let path: string | URL = `/v2/${this.name}/tags/list`;
    for (let page = 0; page < maxTagPages && tags.length < maxTags; page++) {
      const answer: Answer = await this.endpoint.ask(
        { method: "GET", path, scopes: this.#scopes },
        [200],
        signal,
      );
      tags.push(...tagsIn(await textOf(answer, MAX_DOCUMENT_BYTES)));
      const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(answer.headers["link"] ?? ""))?.[1];
      if (next === undefined) break;
      path = this.endpoint.placeOf(next);
    }
    return tags;
  }

  #ask(
    method: Ask["method"],
    path: string,
    headers: Ask["headers"] & {},
    expected: readonly number[],
    signal: AbortSignal,
  ): Promise<Answer> {
    return this.endpoint.ask(
      { method, path: `/v2/${this.name}/${path}`, headers, scopes: this.#scopes },
      expected,
      signal,
    );
  }
}

function mediaTypeOf({ headers }: Answer): string {
  return (headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
}

/** @throws {Fault} `remote` when the registry sends another part than it was asked for */
function skipOf({ headers }: Answer, offset: number): number {
  const start = Number(/^bytes (\d+)-/.exec(headers["content-range"] ?? "")?.[1] ?? Number.NaN);
  if (start <= offset) return offset - start;
  throw remoteFault("the registry sent another part of the blob than was asked for", {
    code: "",
    status: 206,
    isTransient: false,
  });
}

function tagsIn(body: Buffer): readonly string[] {
  try {
    const { tags } = JSON.parse(body.toString()) as { readonly tags?: unknown };
    if (Array.isArray(tags)) return tags.filter((tag) => typeof tag === "string");
  } catch {
    // falls through: no list
  }
  return [];
}
