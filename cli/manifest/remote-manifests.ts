import { createHash } from "node:crypto";
import { Fault, isFault } from "#base/fault.ts";
import { usualRegistries } from "#base/registry-settings.ts";
import { connectRegistry, type ConnectedRegistry } from "#engine/registry/connect.ts";
import type { Credentials } from "#engine/registry/credentials.ts";
import { Repository } from "#engine/registry/repository.ts";
import { RepositoryWriter } from "#engine/registry/upload.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import { formatReference, type Reference, withDigest } from "#oci/reference.ts";
import { readAuth, registryOf } from "../config/registry-auth.ts";
import type { Context } from "../context.ts";
import {
  blobsOf,
  type ImageManifest,
  imageManifest,
  isList,
  type ListedDescriptor,
  type ListedPlatform,
} from "./image-manifest.ts";

/** What a registry has by a name. */
export interface Found {
  readonly isList: boolean;
  readonly manifests: readonly ImageManifest[];
}

interface Fetched {
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly digest: Digest;
}

const longestConfig = 4 << 20;

/** Manifests in registries, asked for by the command line itself. Disposing of it closes its connections. */
export class RemoteManifests implements Disposable {
  readonly #context: Context;
  readonly #isInsecure: boolean;
  readonly #connected = new Map<string, Promise<ConnectedRegistry>>();
  readonly #open = new DisposableStack();

  /** @param isInsecure whether registries may have no certificate, or no TLS */
  constructor(context: Context, isInsecure: boolean) {
    this.#context = context;
    this.#isInsecure = isInsecure;
  }

  /** Undefined when there is no such one. @throws {Fault} `remote` in the registry's words */
  async find(reference: Reference): Promise<Found | undefined> {
    try {
      const fetched = await this.#fetch(reference);
      if (!isList(fetched.mediaType)) {
        const platform = await this.#platformOf(reference, fetched.bytes);
        return { isList: false, manifests: [manifestOf(reference, fetched, platform)] };
      }
      const { manifests = [] } = JSON.parse(fetched.bytes.toString("utf8")) as {
        readonly manifests?: readonly ListedDescriptor[];
      };
      const found: ImageManifest[] = [];
      for (const { digest, platform } of manifests) {
        const one = withDigest(reference, parseDigest(digest));
        found.push(manifestOf(one, await this.#fetch(one), platform));
      }
      return { isList: true, manifests: found };
    } catch (error) {
      if (isFault(error) && error.detail["status"] === 404) return undefined;
      throw error;
    }
  }

  /** Makes a manifest of another repository one of this, with what it needs. @throws {Fault} `remote` */
  async copy(manifest: ImageManifest, from: Reference, to: Reference): Promise<void> {
    const writer = await this.#writer(to);
    const { signal } = this.#context;
    for (const digest of blobsOf(manifest))
      if (!(await writer.mount(parseDigest(digest), from.path, signal)))
        throw new Fault("remote", `the registry does not mount ${digest} from ${from.path}`);
    const { digest, mediaType } = manifest.Descriptor;
    const bytes = Buffer.from(manifest.Raw, "base64");
    await writer.putManifest(digest, { mediaType, digest: parseDigest(digest), bytes }, signal);
  }

  /** Returns the digest. @throws {Fault} `remote` */
  async put(to: Reference, mediaType: string, text: string): Promise<Digest> {
    const bytes = Buffer.from(text);
    const digest = digestOf(bytes);
    const writer = await this.#writer(to);
    await writer.putManifest(to.tag ?? digest, { mediaType, digest, bytes }, this.#context.signal);
    return digest;
  }

  [Symbol.dispose](): void {
    this.#open.dispose();
  }

  async #fetch(reference: Reference): Promise<Fetched> {
    const repository = await this.#repository(reference);
    const wanted = reference.digest ?? reference.tag ?? "latest";
    const { mediaType, bytes } = await repository.manifest(wanted, this.#context.signal);
    const digest = digestOf(bytes);
    if (reference.digest !== undefined && digest !== reference.digest)
      throw new Fault("remote", `manifest verification failed for digest ${reference.digest}`);
    return { mediaType, bytes, digest };
  }

  async #platformOf(reference: Reference, bytes: Buffer): Promise<ListedPlatform | undefined> {
    const { config } = JSON.parse(bytes.toString("utf8")) as {
      readonly config?: { readonly digest?: string };
    };
    if (config?.digest === undefined) return undefined;
    const repository = await this.#repository(reference);
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of repository.blob(parseDigest(config.digest), 0, this.#context.signal)) {
      size += piece.length;
      if (size > longestConfig) throw new Fault("remote", `config ${config.digest} is larger than 4 MB`);
      pieces.push(piece);
    }
    const content = Buffer.concat(pieces);
    if (digestOf(content) !== config.digest)
      throw new Fault("remote", `config ${config.digest} is not what its digest says`);
    return platformIn(content);
  }

  async #repository(reference: Reference): Promise<Repository> {
    const { endpoint } = await this.#registry(reference.domain);
    return new Repository(endpoint, reference.path);
  }

  async #writer(reference: Reference): Promise<RepositoryWriter> {
    const { endpoint } = await this.#registry(reference.domain);
    return new RepositoryWriter(endpoint, reference.path);
  }

  #registry(domain: string): Promise<ConnectedRegistry> {
    const known = this.#connected.get(domain) ?? this.#connect(domain);
    this.#connected.set(domain, known);
    return known;
  }

  async #connect(domain: string): Promise<ConnectedRegistry> {
    const { signal, now } = this.#context;
    const settings = { ...usualRegistries, insecure: this.#isInsecure ? [domain] : [] };
    const origin = domain === "docker.io" ? "registry-1.docker.io" : domain;
    const deps = { settings, now: () => now().getTime() };
    return this.#open.use(await connectRegistry(deps, origin, await this.#credentials(domain), signal));
  }

  async #credentials(domain: string): Promise<Credentials> {
    const auth = await readAuth(this.#context.config(), registryOf(`${domain}/x`));
    return {
      ...(auth.username !== undefined && { username: auth.username }),
      ...(auth.password !== undefined && { password: auth.password }),
      ...(auth.identitytoken !== undefined && { identityToken: auth.identitytoken }),
      ...(auth.registrytoken !== undefined && { registryToken: auth.registrytoken }),
    };
  }
}

function manifestOf(
  reference: Reference,
  { mediaType, bytes, digest }: Fetched,
  platform: ListedPlatform | undefined,
): ImageManifest {
  const descriptor = { mediaType, digest, size: bytes.length, ...(platform !== undefined && { platform }) };
  return imageManifest(formatReference(reference), descriptor, bytes);
}

function platformIn(config: Buffer): ListedPlatform {
  const parsed = JSON.parse(config.toString("utf8")) as Partial<ListedPlatform>;
  const { architecture = "", os = "", variant } = parsed;
  const version = parsed["os.version"];
  const features = parsed["os.features"];
  return {
    architecture,
    os,
    ...(version !== undefined && { "os.version": version }),
    ...(features !== undefined && { "os.features": features }),
    ...(variant !== undefined && variant !== "" && { variant }),
  };
}

function digestOf(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
}
