import { Fault, messageOf } from "#base/fault.ts";
import { isDigest } from "#oci/digest.ts";
import type { Manifest } from "#oci/manifest.ts";
import { isImageConfigType } from "#oci/media-types.ts";
import { parseImageConfig } from "#oci/parse-image-config.ts";
import { formatPlatform, parsePlatform, type Platform } from "#oci/platform.ts";
import {
  familiarName,
  familiarReference,
  parseReference,
  type Reference,
  repositoryOf,
  withDefaultTag,
  withDigest,
  withTag,
} from "#oci/reference.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import { sha256Of } from "#engine/content/sha256.ts";
import { connectRegistry, originsOf, type RegistryDeps } from "#engine/registry/connect.ts";
import { anonymous, type Credentials } from "#engine/registry/credentials.ts";
import { discard } from "#engine/registry/exchange.ts";
import { remoteDetail, remoteFault, statusText } from "#engine/registry/remote-fault.ts";
import { Repository } from "#engine/registry/repository.ts";
import { Slots } from "#base/slots.ts";
import { searchIndex } from "#engine/registry/search.ts";
import { steadyBlob } from "#engine/registry/steady-blob.ts";
import { RepositoryWriter } from "#engine/registry/upload.ts";
import type { Distribution, PullRequest, PushRequest } from "./distribution.ts";
import type { ImageDeps } from "./image-deps.ts";
import type { ImageRecord, Progress } from "./images.ts";
import { platformOf, type PullDeps, pullReference, suits } from "./pull.ts";
import { PullLeases } from "./pull-leases.ts";
import { pushImage } from "./push.ts";
import { fetchDocument } from "./remote-image.ts";

/** Images between this host and registries, by the OCI distribution specification 1.1. */
export class RemoteDistribution implements Distribution {
  readonly #deps: PullDeps;
  readonly #uploads: Slots;
  readonly #registry: RegistryDeps;

  constructor(images: ImageDeps, registry: RegistryDeps) {
    this.#registry = registry;
    this.#uploads = new Slots(registry.settings.uploads);
    this.#deps = {
      ...images,
      slots: new Slots(registry.settings.downloads),
      pullLeases: new PullLeases(images.leases),
    };
  }

  async pull(request: PullRequest, report: (progress: Progress) => void, signal: AbortSignal): Promise<void> {
    const reference = referenceOf(request.name, request.tag, request.isAll);
    const platform =
      request.platform === "" ? undefined : parsePlatform(request.platform, this.#deps.platform);
    const task = { platform, report };
    const name = request.isAll ? familiarName(reference) : familiarReference(reference);
    const isNew = await this.#each(reference, request.credentials, signal, async (repository) => {
      const references = request.isAll ? await tagsOf(repository, reference, signal) : [reference];
      let isAnyNew = false;
      for (const each of references)
        if (await pullReference(this.#deps, { ...task, repository, reference: each }, signal))
          isAnyNew = true;
      return isAnyNew;
    });
    this.#reportPulled(name, reference, isNew, report);
    if (!request.isAll && platform !== undefined)
      this.#warnAboutPlatform(reference, request.platform, report);
  }

  async push(request: PushRequest, report: (progress: Progress) => void, signal: AbortSignal): Promise<void> {
    const named = parseReference(request.name);
    const reference =
      request.tag === "" ? { domain: named.domain, path: named.path } : withTag(named, request.tag);
    if (request.platform !== undefined) this.#checkPlatform(reference, request.platform);
    report({ status: `The push refers to repository [${repositoryOf(reference)}]` });
    if (named.digest !== undefined) throw new Fault("invalid", "cannot push a digest reference");
    const pushed = this.#namesFor(reference);
    using connected = await connectRegistry(
      this.#registry,
      originsOf(reference.domain, this.#registry.settings).at(-1) ?? "",
      request.credentials,
      signal,
    );
    const reader = new Repository(connected.endpoint, reference.path, "pull,push");
    const writer = new RepositoryWriter(connected.endpoint, reference.path);
    const deps = { ...this.#deps, slots: this.#uploads };
    for (const { name, image } of pushed)
      await pushImage(deps, { reader, writer, reference: name, image, report }, signal).catch(rethrowBare);
    const labels = pushed[0]?.image.config.config?.Labels;
    this.#deps.events.publish("image", "push", familiarReference(reference), {
      ...labels,
      name: familiarName(reference),
    });
  }

  /** @throws {Fault} `not-found` with Docker's text */
  #namesFor(reference: Reference): readonly { readonly name: Reference; readonly image: ImageRecord }[] {
    const { store } = this.#deps;
    const repository = repositoryOf(reference);
    const found = Array.from(store.names()).flatMap(({ reference: name, imageId }) => {
      const isMeant = name.tag !== undefined && (reference.tag === undefined || name.tag === reference.tag);
      const image = isMeant && repositoryOf(name) === repository ? store.findById(imageId) : undefined;
      return image === undefined ? [] : [{ name, image }];
    });
    if (found.length === 0)
      throw new Fault(
        "not-found",
        `An image does not exist locally with the tag: ${familiarName(reference)}`,
      );
    return found.toSorted((left, right) => ((left.name.tag ?? "") < (right.name.tag ?? "") ? -1 : 1));
  }

  #checkPlatform(reference: Reference, asked: Platform): void {
    const { store } = this.#deps;
    const id = store.findName(withDefaultTag(reference))?.imageId;
    const image = id && store.findById(id);
    if (!image || suits(image, asked)) return;
    throw new Fault(
      "not-found",
      `image with reference ${familiarReference(reference)} was found but its platform (${formatPlatform(platformOf(image.config))}) does not match the specified platform (${formatPlatform(asked)})`,
    );
  }

  async inspect(
    name: string,
    credentials: Credentials,
    signal: AbortSignal,
  ): ReturnType<Distribution["inspect"]> {
    const reference = withDefaultTag(parseReference(name));
    return await this.#each(reference, credentials, signal, async (repository) => {
      const wanted = reference.digest ?? reference.tag ?? "";
      await repository.peek(wanted, signal);
      const { descriptor, parsed } = await fetchDocument(repository, wanted, undefined, signal);
      if (parsed.kind === "index")
        return { descriptor, platforms: parsed.manifests.flatMap(({ platform }) => platform ?? []) };
      return { descriptor, platforms: await platformsOf(repository, parsed, signal) };
    });
  }

  async login(address: string, credentials: Credentials, signal: AbortSignal): Promise<void> {
    const host = address === "" ? "docker.io" : address.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
    const domain = host === "index.docker.io" ? "docker.io" : host;
    const origin = originsOf(domain, this.#registry.settings).at(-1) ?? "";
    using connected = await connectRegistry(this.#registry, origin, credentials, signal);
    const { url } = connected.endpoint;
    const answer = await connected.endpoint.send({ method: "GET", path: "/v2/", scopes: [] }, signal);
    discard(answer);
    if (answer.status === 200) return;
    const status = `${answer.status} ${statusText(answer.status)}`.trimEnd();
    throw remoteFault(`login attempt to ${url.href}v2/ failed with status: ${status}`, {
      code: "",
      status: answer.status,
      isTransient: false,
    });
  }

  async search(
    term: string,
    limit: number,
    credentials: Credentials,
    signal: AbortSignal,
  ): ReturnType<Distribution["search"]> {
    return await searchIndex(this.#registry, term, limit, credentials, signal);
  }

  /** Where the image may be, one place after the other, until one has it. Mirrors are not told who asks. */
  async #each<T>(
    reference: Reference,
    credentials: Credentials,
    signal: AbortSignal,
    work: (repository: Repository) => Promise<T>,
  ): Promise<T> {
    const origins = originsOf(reference.domain, this.#registry.settings);
    let failure: unknown;
    for (const [index, origin] of origins.entries()) {
      const isMirror = index < origins.length - 1;
      try {
        using connected = await connectRegistry(
          this.#registry,
          origin,
          isMirror ? anonymous : credentials,
          signal,
        );
        return await work(new Repository(connected.endpoint, reference.path));
      } catch (error) {
        signal.throwIfAborted();
        if (remoteDetail(error) === undefined) throw error;
        failure = error;
      }
    }
    throw translated(failure, reference);
  }

  #reportPulled(
    name: string,
    reference: Reference,
    isNew: boolean,
    report: (progress: Progress) => void,
  ): void {
    report({ status: `Status: ${isNew ? "Downloaded newer image" : "Image is up to date"} for ${name}` });
    const { store, events } = this.#deps;
    const id = store.findName(reference)?.imageId;
    const labels = id && store.findById(id)?.config.config?.Labels;
    events.publish("image", "pull", name, { ...labels, name: familiarName(reference) });
  }

  #warnAboutPlatform(reference: Reference, asked: string, report: (progress: Progress) => void): void {
    const { store, platform } = this.#deps;
    const id = store.findName(reference)?.imageId;
    const image = id && store.findById(id);
    if (!image || suits(image, parsePlatform(asked, platform))) return;
    const { os, architecture } = image.config;
    report({
      status: `WARNING: image with reference ${familiarReference(reference)} was found but its platform (${os}/${architecture}) does not match the specified platform (${asked})`,
    });
  }
}

/** An artifact has none. */
async function platformsOf(
  repository: Repository,
  { config }: Manifest,
  signal: AbortSignal,
): Promise<readonly Platform[]> {
  if (!isImageConfigType(config.mediaType) || config.size > MAX_DOCUMENT_BYTES) return [];
  const bytes = Buffer.concat(await Array.fromAsync(steadyBlob(repository, config, 0, () => {}, signal)));
  if (sha256Of(bytes) !== config.digest)
    throw new Fault("invalid", `config verification failed for digest ${config.digest}`);
  return [platformOf(parseImageConfig(bytes))];
}

/** @throws {Fault} `invalid` with Docker's texts */
function referenceOf(name: string, tag: string, isAll: boolean): Reference {
  const named = parseReference(name);
  if (isAll) return { domain: named.domain, path: named.path };
  if (tag === "") return withDefaultTag(named);
  return isDigest(tag) ? withDigest(named, tag) : withTag(named, tag);
}

async function tagsOf(
  repository: Repository,
  reference: Reference,
  signal: AbortSignal,
): Promise<readonly Reference[]> {
  const tags = await repository.tags(signal);
  return tags.map((tag) => withTag(reference, tag));
}

/** Docker says less about who has nothing to show to a push than to a pull. */
function rethrowBare(error: unknown): never {
  const bare = "no basic auth credentials";
  if (remoteDetail(error) === undefined || !messageOf(error).endsWith(bare)) throw error;
  throw new Fault("remote", bare, { cause: error });
}

/** What the registry said, in the words by which Docker's clients know it. */
function translated(error: unknown, reference: Reference): unknown {
  const detail = remoteDetail(error);
  if (!(error instanceof Fault) || detail === undefined) return error;
  const name = familiarName(reference);
  const fault = (message: string) =>
    new Fault("not-found", `${message}: ${error.message}`, { cause: error, detail: error.detail });
  switch (detail.code) {
    case "DENIED":
      return fault(`pull access denied for ${name}, repository does not exist or may require 'docker login'`);
    case "MANIFEST_UNKNOWN":
      return fault(`manifest for ${familiarReference(reference)} not found`);
    case "NAME_UNKNOWN":
      return fault(`repository ${name} not found`);
    case "UNAUTHORIZED":
      return new Fault("unauthorized", error.message, { cause: error, detail: error.detail });
    case "":
      return detail.status === 404 ? fault(`manifest for ${familiarReference(reference)} not found`) : error;
    default:
      return error;
  }
}
