import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { type Fault, isFault, isFullDisk } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import { firstThere } from "#engine/content/first-there.ts";
import { digestOf, sha256Of } from "#engine/content/sha256.ts";
import type { Collector } from "#engine/gc/collector.ts";
import type { Lease, Leases } from "#engine/gc/leases.ts";
import type { Database } from "#host/sqlite/database.ts";
import type { Digest } from "#oci/digest.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import { type ManifestDocument, parseManifestDocument } from "./manifest-document.ts";
import { type ContentDigest, findContentDigest, isTag, storedDigestOf } from "./names.ts";
import { refusal } from "./refusal.ts";
import { type LinkedBlob, RepositoryRows, type StoredManifest } from "./repository-rows.ts";
import { Soundness } from "./soundness.ts";
import type { Upload } from "./upload.ts";
import { Uploads } from "./uploads.ts";

export interface RegistryDeps {
  readonly db: Database;
  readonly content: ContentStore;
  readonly leases: Leases;
  readonly collector: Collector;
  /** Absolute; for what is on its way in. On the content store's file system. */
  readonly uploadsFolder: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
}

/** How long a blob may wait for a manifest to name it. */
const UNNAMED_MS = 24 * 60 * 60 * 1000;
/** How exactly the last use of a blob is known. */
const TOUCH_MS = 60 * 60 * 1000;

/** What a tag or digest of a request stands for. */
export type Reference =
  | { readonly kind: "tag"; readonly tag: string }
  | { readonly kind: "digest"; readonly digest: ContentDigest };

export interface OpenedBlob {
  readonly file: FileHandle;
  readonly size: number;
  /** What the file is to be read through when it is sent whole. */
  readonly check?: (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
}

export interface PushedManifest {
  readonly digest: ContentDigest;
  readonly subject?: ContentDigest;
}

/**
 * Repositories over the engine's content store: a blob is there once, whoever has it, and is read only through a repository that
 * links it. A change is one transaction, after its blobs are on disk; a lease holds those until then. That a repository has a blob is
 * on disk at the latest with the manifest that names it: waiting for that at every blob would hold up all uploads beside it.
 */
export class Registry implements AsyncDisposable {
  readonly rows: RepositoryRows;
  readonly uploads: Uploads;
  readonly #deps: RegistryDeps;
  readonly #soundness = new Soundness();
  #sweepTimer: NodeJS.Timeout | undefined;

  static async open(deps: RegistryDeps): Promise<Registry> {
    const { db, now, uploadsFolder: folder } = deps;
    const registry = new Registry(deps, await Uploads.open({ db, folder, now }));
    await registry.#sweep();
    return registry;
  }

  private constructor(deps: RegistryDeps, uploads: Uploads) {
    this.#deps = deps;
    this.rows = new RepositoryRows(deps.db);
    this.uploads = uploads;
  }

  /**
   * Opens a blob to be sent. The first time since the start that a file is sent whole it is to be hashed, by `check`, which throws
   * before the last piece when it is damaged.
   *
   * @throws {Fault} `BLOB_UNKNOWN`; `UNKNOWN` when it is not on disk as it should be
   */
  async openBlob(repository: string, digest: ContentDigest): Promise<OpenedBlob> {
    const { content, size } = this.#getBlob(repository, digest);
    const file = await firstThere(this.#deps.content.pathsOf(content), (path) => open(path, "r")).catch(
      () => undefined,
    );
    const found = await file?.stat({ bigint: true });
    if (file === undefined || found?.size !== BigInt(size) || this.#soundness.isDamaged(content)) {
      await file?.close();
      throw this.#damaged(repository, digest);
    }
    if (this.#soundness.isSound(content, found)) return { file, size };
    const check = (source: AsyncIterable<Uint8Array>) =>
      this.#checked(source, repository, digest, content, found);
    return { file, size, check };
  }

  async *#checked(
    source: AsyncIterable<Uint8Array>,
    repository: string,
    digest: ContentDigest,
    content: Digest,
    found: BigIntStats,
  ): AsyncGenerator<Uint8Array> {
    const hash = createHash("sha256");
    let held: Uint8Array | undefined;
    for await (const chunk of source) {
      if (held !== undefined) yield held;
      hash.update(chunk);
      held = chunk;
    }
    if (digestOf(hash) !== content) {
      this.#soundness.noteDamaged(content);
      throw this.#damaged(repository, digest);
    }
    this.#soundness.noteSound(content, found);
    if (held !== undefined) yield held;
  }

  #damaged(repository: string, digest: ContentDigest): Fault {
    this.#deps.log.error("blob of a repository is damaged", { repository, digest });
    return refusal("UNKNOWN", `blob ${digest} is damaged on disk: push it again`);
  }

  /** For whoever is about to push a manifest that names it: it is kept for that. @throws {Fault} `BLOB_UNKNOWN` */
  async statBlob(repository: string, digest: ContentDigest): Promise<LinkedBlob> {
    const blob = this.#getBlob(repository, digest);
    const now = this.#deps.now();
    if (!this.rows.isTouchedSince(repository, digest, now - TOUCH_MS))
      await this.#deps.db.write(() => this.rows.touch(repository, digest, now, now - TOUCH_MS), "ordered");
    if (await this.#isWhole(blob)) return blob;
    throw refusal("BLOB_UNKNOWN", "blob unknown to registry"); // so that it is pushed again
  }

  async #isWhole({ content, size }: LinkedBlob): Promise<boolean> {
    return !this.#soundness.isDamaged(content) && (await this.#deps.content.find(content))?.size === size;
  }

  #getBlob(repository: string, digest: ContentDigest): LinkedBlob {
    const blob = this.rows.findBlob(repository, digest);
    if (blob === undefined) throw refusal("BLOB_UNKNOWN", "blob unknown to registry");
    return blob;
  }

  /** Links a blob of another repository, of any when none is named. False when there is none to link. */
  async mount(repository: string, digest: ContentDigest, from: string | undefined): Promise<boolean> {
    const { db, leases, now } = this.#deps;
    const find = () =>
      from === undefined ? this.rows.findAnywhere(digest) : this.rows.findBlob(from, digest);
    const blob = find();
    if (blob === undefined) return false;
    await using lease = leases.hold();
    await lease.protect({ kind: "blob", ref: blob.content });
    if (!(await this.#isWhole(blob))) return false;
    let isThere = false;
    await db.write(() => {
      isThere = find() !== undefined;
      if (isThere) this.rows.link(repository, blob, now());
    }, "ordered");
    return isThere;
  }

  /**
   * Ends an upload: its content becomes a blob of the repository when it has the digest, and is gone when it has not.
   *
   * @throws {Fault} `DIGEST_INVALID`
   */
  async finishUpload(upload: Upload, digest: ContentDigest): Promise<void> {
    try {
      const uploaded = await upload.finish();
      const stored = storedDigestOf(digest);
      const isRight = stored === undefined ? (await upload.sha512()) === digest : stored === uploaded.digest;
      if (!isRight)
        throw refusal("DIGEST_INVALID", `provided digest did not match uploaded content: ${digest}`);
      const { db, content, leases, now } = this.#deps;
      await using lease = leases.hold();
      await lease.protect({ kind: "blob", ref: uploaded.digest });
      await content.adopt(upload.path, uploaded.digest);
      const file = await firstThere(content.pathsOf(uploaded.digest), (path) => stat(path, { bigint: true }));
      this.#soundness.noteSound(uploaded.digest, file);
      await db.write(() => {
        this.uploads.forget(upload);
        this.rows.link(upload.repository, { digest, content: uploaded.digest, size: uploaded.size }, now());
      }, "ordered");
    } catch (error) {
      await this.uploads.cancel(upload).catch(() => {});
      if (!isFault(error, "invalid")) this.#deps.collector.request(); // perhaps it was a blob already
      throw error;
    }
    this.#sweepLater();
  }

  /** Takes what a request brings of an upload. A disk that is full ends the upload. */
  async append(
    upload: Upload,
    source: AsyncIterable<Uint8Array>,
    check: (offset: number) => void,
    signal: AbortSignal,
  ): Promise<number> {
    try {
      return await upload.append(source, check, signal);
    } catch (error) {
      if (isFullDisk(error)) await this.uploads.cancel(upload);
      throw error;
    }
  }

  /** @throws {Fault} `BLOB_UNKNOWN` */
  async deleteBlob(repository: string, digest: ContentDigest): Promise<void> {
    await this.#deps.db.write(() => {
      if (!this.rows.unlink(repository, digest)) throw refusal("BLOB_UNKNOWN", "blob unknown to registry");
    });
    this.#deps.collector.request();
  }

  /** @throws {Fault} `MANIFEST_UNKNOWN` */
  getManifest(repository: string, reference: Reference): StoredManifest {
    const { rows } = this;
    const found =
      reference.kind === "tag"
        ? rows.findTagged(repository, reference.tag)
        : rows.findManifest(repository, reference.digest);
    if (found !== undefined) return found;
    const shown = reference.kind === "tag" ? reference.tag : reference.digest;
    throw refusal("MANIFEST_UNKNOWN", `manifest unknown to registry: ${repository} has no ${shown}`);
  }

  /** The bytes as they were pushed, verified. */
  async readManifest({ content }: StoredManifest): Promise<Buffer> {
    return await this.#deps.content.read(content, MAX_DOCUMENT_BYTES);
  }

  /**
   * Stores a manifest and, where the reference is a tag, lets that stand for it from now on.
   *
   * @throws {Fault} `MANIFEST_INVALID`, `DIGEST_INVALID`; `MANIFEST_BLOB_UNKNOWN` when the repository lacks what it names
   */
  async putManifest(
    repository: string,
    reference: Reference,
    bytes: Buffer,
    contentType: string,
    signal: AbortSignal,
  ): Promise<PushedManifest> {
    const document = parseManifestDocument(bytes, contentType);
    const content = sha256Of(bytes);
    const digest = digestFor(reference, bytes, content);
    this.#checkNamed(repository, document);
    const { db, leases } = this.#deps;
    await using lease = leases.hold();
    await this.#store(bytes, lease, signal);
    const { mediaType, artifactType, subject, annotations } = document;
    const manifest = {
      digest,
      content,
      size: bytes.length,
      mediaType,
      ...(artifactType !== undefined && { artifactType }),
      ...(subject !== undefined && { subject }),
      ...(annotations !== undefined && { annotations }),
    };
    await db.write(() => {
      this.#checkNamed(repository, document); // something may have been deleted meanwhile
      const names = [...document.blobs, ...document.manifests.map((child) => child.digest)];
      this.rows.putManifest(repository, manifest, names);
      if (reference.kind === "tag") this.rows.putTag(repository, reference.tag, digest);
    });
    return { digest, ...(subject !== undefined && { subject }) };
  }

  async #store(bytes: Buffer, lease: Lease, signal: AbortSignal): Promise<void> {
    const { content } = this.#deps;
    const claim = (ref: string) => lease.protect({ kind: "blob", ref });
    async function* source() {
      yield bytes;
    }
    await content.ingest(source(), { size: bytes.length, claim }, signal);
  }

  /** One after the other, so that a client is told the first thing that is missing, as Docker's registry does. */
  #checkNamed(repository: string, { blobs, manifests }: ManifestDocument): void {
    const missing =
      blobs.find((digest) => this.rows.findBlob(repository, digest) === undefined) ??
      manifests.find(({ digest }) => this.rows.findManifest(repository, digest) === undefined)?.digest;
    if (missing !== undefined)
      throw refusal("MANIFEST_BLOB_UNKNOWN", `manifest references what the repository has not: ${missing}`);
  }

  /** A tag alone, or a manifest with all its tags. @throws {Fault} `MANIFEST_UNKNOWN` */
  async deleteManifest(repository: string, reference: Reference): Promise<void> {
    const { db, collector, now } = this.#deps;
    await db.write(() => {
      const isGone =
        reference.kind === "tag"
          ? this.rows.deleteTag(repository, reference.tag)
          : this.rows.deleteManifest(repository, reference.digest, now());
      if (!isGone) throw refusal("MANIFEST_UNKNOWN", "manifest unknown to registry");
    });
    if (reference.kind === "tag") return;
    collector.request();
    this.#sweepLater();
  }

  /** Uploads under way stay for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#sweepTimer);
    await this.uploads[Symbol.asyncDispose]();
  }

  /** Drops blobs that nobody has named in time, and looks again when the next one's time is over; never when there is none. */
  async #sweep(): Promise<void> {
    this.#sweepTimer = undefined;
    const { db, now, collector } = this.#deps;
    let dropped = 0;
    if ((this.rows.oldestUnnamed() ?? Infinity) < now() - UNNAMED_MS)
      await db.write(() => {
        dropped = this.rows.unlinkUnnamed(now() - UNNAMED_MS);
      });
    if (dropped > 0) collector.request();
    if (this.rows.oldestUnnamed() !== undefined) this.#sweepLater();
  }

  #sweepLater(): void {
    const sweep = () =>
      void this.#sweep().catch((error: unknown) => this.#deps.log.error("blobs were not swept", { error }));
    this.#sweepTimer ??= setTimeout(sweep, UNNAMED_MS + TOUCH_MS).unref();
  }
}

/** @throws {Fault} `TAG_INVALID` for what is neither */
export function parseReference(text: string): Reference {
  const digest = findContentDigest(text);
  if (digest !== undefined) return { kind: "digest", digest };
  if (isTag(text)) return { kind: "tag", tag: text };
  if (text.includes(":")) throw refusal("DIGEST_INVALID", `invalid digest: ${text.slice(0, 200)}`);
  throw refusal("TAG_INVALID", `invalid tag: ${text.slice(0, 200)}`);
}

function digestFor(reference: Reference, bytes: Buffer, sha256: string): ContentDigest {
  if (reference.kind === "tag") return sha256 as ContentDigest;
  const { digest } = reference;
  const actual =
    storedDigestOf(digest) === undefined
      ? `sha512:${createHash("sha512").update(bytes).digest("hex")}`
      : sha256;
  if (actual !== digest)
    throw refusal("DIGEST_INVALID", `provided digest did not match uploaded content: ${digest}`);
  return digest;
}
