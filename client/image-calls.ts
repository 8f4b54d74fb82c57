import { Fault } from "#base/fault.ts";
import { type DockerApi, encodeFilters, type Filters, type Query } from "./docker-api.ts";
import type { ImageHistoryItem, ImageSummary, ProgressMessage, PruneReport } from "./docker-types.ts";
import { jsonLines } from "./streams.ts";

type Bytes = AsyncIterable<Uint8Array>;

/** Credentials for a registry. */
export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly serveraddress?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** What can be asked about images. Calls that give progress throw a Fault when a message of it is an error. */
export interface ImageCalls {
  listImages(
    signal: AbortSignal,
    options?: {
      readonly all?: boolean;
      readonly digests?: boolean;
      readonly filters?: Filters;
      readonly sharedSize?: boolean;
    },
  ): Promise<readonly ImageSummary[]>;
  /** Loads a Docker archive or OCI layout; resolves to what the engine said, a line each. */
  loadImage(archive: Bytes, signal: AbortSignal): Promise<readonly string[]>;
  loadImages(
    archive: Bytes,
    options: { readonly quiet: boolean; readonly platform?: string | undefined },
    signal: AbortSignal,
  ): AsyncIterable<ProgressMessage>;
  saveImages(
    names: readonly string[],
    options: { readonly platform?: string | undefined },
    signal: AbortSignal,
  ): Promise<Bytes>;
  importImage(source: Bytes | undefined, query: Query, signal: AbortSignal): AsyncIterable<ProgressMessage>;
  pullImage(
    image: { readonly name: string; readonly tag: string; readonly platform?: string | undefined },
    auth: RegistryAuth,
    signal: AbortSignal,
  ): AsyncIterable<ProgressMessage>;
  pushImage(
    image: { readonly name: string; readonly tag: string; readonly platform?: string | undefined },
    auth: RegistryAuth,
    signal: AbortSignal,
  ): AsyncIterable<ProgressMessage>;
  tagImage(source: string, repo: string, tag: string, signal: AbortSignal): Promise<void>;
  removeImage(
    name: string,
    options: { readonly force: boolean; readonly noPrune: boolean; readonly platforms?: readonly string[] },
    signal: AbortSignal,
  ): Promise<readonly { readonly Untagged?: string; readonly Deleted?: string }[]>;
  imageHistory(
    name: string,
    options: { readonly platform?: string | undefined },
    signal: AbortSignal,
  ): Promise<readonly ImageHistoryItem[]>;
  pruneImages(filters: Filters, signal: AbortSignal): Promise<PruneReport>;
  searchImages(
    term: string,
    options: { readonly limit?: number | undefined; readonly filters: Filters },
    auth: RegistryAuth,
    signal: AbortSignal,
  ): Promise<readonly SearchResult[]>;
  commitContainer(query: Query, config: object, signal: AbortSignal): Promise<string>;
  /** The classic builder: a tar as context, or none with `remote` in the query. */
  buildImage(
    context: Bytes | undefined,
    query: Query,
    auths: Readonly<Record<string, RegistryAuth>>,
    signal: AbortSignal,
  ): AsyncIterable<ProgressMessage>;
  pruneBuilds(
    query: Query,
    signal: AbortSignal,
  ): Promise<PruneReport & { readonly CachesDeleted?: readonly string[] | null }>;
}

export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
}

export function imageCalls(api: DockerApi): ImageCalls {
  const progress = async function* (
    path: string,
    options: Parameters<DockerApi["stream"]>[2],
    signal: AbortSignal,
  ): AsyncGenerator<ProgressMessage> {
    const { body } = await api.stream("POST", path, options, signal);
    yield* jsonLines<ProgressMessage>(body);
  };
  const tarBody = (bytes: Bytes) => ({ type: "application/x-tar", bytes });
  return {
    listImages: (signal, { all, digests, filters, sharedSize } = {}) =>
      api.json(
        "GET",
        "/images/json",
        { query: { all, digests, filters: encodeFilters(filters), "shared-size": sharedSize } },
        signal,
      ),
    async loadImage(archive, signal) {
      const said: string[] = [];
      for await (const { stream, error } of progress(
        "/images/load",
        { query: { quiet: true }, body: tarBody(archive) },
        signal,
      )) {
        if (error !== undefined) throw new Fault("internal", error);
        if (stream !== undefined) said.push(stream.trimEnd());
      }
      return said;
    },
    loadImages: (archive, { quiet, platform }, signal) =>
      progress(
        "/images/load",
        { query: { platform, quiet: quiet ? "1" : "0" }, body: tarBody(archive) },
        signal,
      ),
    saveImages: async (names, { platform }, signal) =>
      (await api.stream("GET", "/images/get", { query: { names, platform } }, signal)).body,
    importImage: (source, query, signal) =>
      progress(
        "/images/create",
        { query, ...(source === undefined ? {} : { body: tarBody(source) }) },
        signal,
      ),
    pullImage: ({ name, tag, platform }, auth, signal) =>
      progress(
        "/images/create",
        {
          query: { fromImage: name, platform: platform || undefined, tag },
          headers: { "X-Registry-Auth": encodeAuth(auth) },
        },
        signal,
      ),
    pushImage: ({ name, tag, platform }, auth, signal) =>
      progress(
        `${at(name)}/push`,
        { query: { tag, platform }, headers: { "X-Registry-Auth": encodeAuth(auth) } },
        signal,
      ),
    async tagImage(source, repo, tag, signal) {
      await api.text("POST", `${at(source)}/tag`, { query: { repo, tag } }, signal);
    },
    removeImage: (name, { force, noPrune: noprune, platforms }, signal) =>
      api.json("DELETE", at(name), { query: { force, noprune, platforms } }, signal),
    imageHistory: (name, query, signal) =>
      api.json("GET", `${at(name)}/history`, { query: { ...query } }, signal),
    pruneImages: (filters, signal) =>
      api.json("POST", "/images/prune", { query: { filters: encodeFilters(filters) } }, signal),
    searchImages: (term, { limit, filters }, auth, signal) =>
      api.json(
        "GET",
        "/images/search",
        {
          query: { term, limit, filters: encodeFilters(filters) },
          headers: { "X-Registry-Auth": encodeAuth(auth) },
        },
        signal,
      ),
    commitContainer: async (query, json, signal) =>
      (await api.json<{ readonly Id: string }>("POST", "/commit", { query, json }, signal)).Id,
    buildImage: (context, query, auths, signal) =>
      progress(
        "/build",
        {
          query,
          headers: { "X-Registry-Config": encodeAuth(auths) },
          ...(context === undefined ? {} : { body: tarBody(context) }),
        },
        signal,
      ),
    pruneBuilds: (query, signal) => api.json("POST", "/build/prune", { query }, signal),
  };
}

/** Names keep their slashes in paths, as Docker's tools send them. */
function at(name: string): string {
  return `/images/${name.split("/").map(encodeURIComponent).join("/")}`;
}

/** Credentials as a header's value: URL-safe base64 of JSON. */
export function encodeAuth(auth: RegistryAuth | Readonly<Record<string, RegistryAuth>>): string {
  const bytes = new TextEncoder().encode(JSON.stringify(auth));
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return text.replaceAll("+", "-").replaceAll("/", "_");
}
