import type { Item } from "#engine/gc/leases.ts";
import type { Database } from "#host/sqlite/database.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import type { ContentDigest } from "./names.ts";
import type { Page } from "./paging.ts";

/** A blob that a repository has. */
export interface LinkedBlob {
  /** As clients call it. */
  readonly digest: ContentDigest;
  /** As the content store calls it. */
  readonly content: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface StoredManifest extends LinkedBlob {
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly subject?: ContentDigest;
  readonly annotations?: Readonly<Record<string, string>>;
}

type Row = Record<string, unknown>;

/**
 * What the registry's repositories have: rows, read where they are needed. A repository comes with the first thing pushed to it and
 * goes with the last. Methods that change something are for inside {@link Database.write}.
 *
 * @see docs/formats/metadata.md
 */
export class RepositoryRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** What garbage collection has to keep. */
  *roots(): Generator<Item> {
    const sql = "SELECT content FROM registry_blobs UNION SELECT content FROM registry_manifests";
    for (const { content } of this.#db.sql.prepare(sql).iterate())
      yield { kind: "blob", ref: String(content) };
  }

  findBlob(repository: string, digest: ContentDigest): LinkedBlob | undefined {
    const row = this.#get(
      "SELECT * FROM registry_blobs WHERE repository = ? AND digest = ?",
      repository,
      digest,
    );
    return row === undefined ? undefined : linkOf(row);
  }

  /** In whichever repository it is. */
  findAnywhere(digest: ContentDigest): LinkedBlob | undefined {
    const row = this.#get("SELECT * FROM registry_blobs WHERE digest = ? LIMIT 1", digest);
    return row === undefined ? undefined : linkOf(row);
  }

  link(repository: string, { digest, content, size }: LinkedBlob, now: number): void {
    this.#run(
      `INSERT INTO registry_blobs (repository, digest, content, size, used_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (repository, digest) DO UPDATE SET used_at = excluded.used_at`,
      repository,
      digest,
      content,
      size,
      now,
    );
  }

  /** Notes that a blob was asked for by somebody who may be about to name it, unless that was noted after `since`. */
  touch(repository: string, digest: ContentDigest, now: number, since: number): void {
    this.#run(
      "UPDATE registry_blobs SET used_at = ? WHERE repository = ? AND digest = ? AND used_at < ?",
      now,
      repository,
      digest,
      since,
    );
  }

  isTouchedSince(repository: string, digest: ContentDigest, since: number): boolean {
    const sql = "SELECT 1 FROM registry_blobs WHERE repository = ? AND digest = ? AND used_at >= ?";
    return this.#get(sql, repository, digest, since) !== undefined;
  }

  /** Whether there was such a blob. */
  unlink(repository: string, digest: ContentDigest): boolean {
    return (
      this.#run("DELETE FROM registry_blobs WHERE repository = ? AND digest = ?", repository, digest) > 0
    );
  }

  /** Drops blobs that no manifest of their repository names and nobody has used since; how many those were. */
  unlinkUnnamed(before: number): number {
    return this.#run(`DELETE FROM registry_blobs WHERE used_at < ? AND ${unnamed}`, before);
  }

  /** When the blob that waits longest for a manifest to name it was used; undefined when none waits. */
  oldestUnnamed(): number | undefined {
    const row = this.#get(`SELECT min(used_at) AS used_at FROM registry_blobs WHERE ${unnamed}`);
    return row?.["used_at"] === null || row === undefined ? undefined : Number(row["used_at"]);
  }

  findManifest(repository: string, digest: ContentDigest): StoredManifest | undefined {
    const sql = "SELECT * FROM registry_manifests WHERE repository = ? AND digest = ?";
    const row = this.#get(sql, repository, digest);
    return row === undefined ? undefined : manifestOf(row);
  }

  findTagged(repository: string, tag: string): StoredManifest | undefined {
    const sql = `SELECT m.* FROM registry_tags t JOIN registry_manifests m USING (repository, digest)
                 WHERE t.repository = ? AND t.tag = ?`;
    const row = this.#get(sql, repository, tag);
    return row === undefined ? undefined : manifestOf(row);
  }

  putManifest(repository: string, manifest: StoredManifest, names: readonly ContentDigest[]): void {
    const { digest, content, size, mediaType, artifactType, subject, annotations } = manifest;
    this.#run(
      `INSERT INTO registry_manifests (repository, digest, content, size, media_type, artifact_type, subject, annotations)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (repository, digest) DO NOTHING`,
      repository,
      digest,
      content,
      size,
      mediaType,
      artifactType ?? null,
      subject ?? null,
      annotations === undefined ? null : JSON.stringify(annotations),
    );
    for (const name of names)
      this.#run(
        "INSERT OR IGNORE INTO registry_references (repository, manifest, digest) VALUES (?, ?, ?)",
        repository,
        digest,
        name,
      );
  }

  /** Its tags go with it; blobs that it named begin to wait for another manifest. False when there is none. */
  deleteManifest(repository: string, digest: ContentDigest, now: number): boolean {
    this.#run(
      `UPDATE registry_blobs SET used_at = ? WHERE repository = ? AND digest IN
       (SELECT digest FROM registry_references WHERE repository = ? AND manifest = ?)`,
      now,
      repository,
      repository,
      digest,
    );
    const sql = "DELETE FROM registry_manifests WHERE repository = ? AND digest = ?";
    return this.#run(sql, repository, digest) > 0;
  }

  putTag(repository: string, tag: string, digest: ContentDigest): void {
    this.#run(
      `INSERT INTO registry_tags (repository, tag, digest) VALUES (?, ?, ?)
       ON CONFLICT (repository, tag) DO UPDATE SET digest = excluded.digest`,
      repository,
      tag,
      digest,
    );
  }

  /** Whether there was such a tag. */
  deleteTag(repository: string, tag: string): boolean {
    return this.#run("DELETE FROM registry_tags WHERE repository = ? AND tag = ?", repository, tag) > 0;
  }

  /** In the order of their bytes. */
  tags(repository: string, { count, after }: Page): readonly string[] {
    const sql = "SELECT tag FROM registry_tags WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?";
    return this.#all(sql, repository, after, count).map(({ tag }) => String(tag));
  }

  hasManifests(repository: string): boolean {
    return (
      this.#get("SELECT 1 FROM registry_manifests WHERE repository = ? LIMIT 1", repository) !== undefined
    );
  }

  /** Repositories with a manifest, in the order of their bytes. One look for each, however much it has. */
  repositories({ count, after }: Page): readonly string[] {
    const next = this.#db.sql.prepare(
      "SELECT min(repository) AS name FROM registry_manifests WHERE repository > ?",
    );
    const found: string[] = [];
    for (let last = after; found.length < count; ) {
      const name = next.get(last)?.["name"];
      if (typeof name !== "string") break;
      found.push(name);
      last = name;
    }
    return found;
  }

  /** Manifests about `subject` whose digests come after `after`, in the order of those. */
  *referrers(
    repository: string,
    subject: ContentDigest,
    artifactType: string | undefined,
    after: string,
  ): Generator<StoredManifest> {
    const sql = `SELECT * FROM registry_manifests WHERE repository = ? AND subject = ? AND digest > ?
                 AND (? IS NULL OR artifact_type = ?) ORDER BY digest`;
    const type = artifactType ?? null;
    for (const row of this.#db.sql.prepare(sql).iterate(repository, subject, after, type, type))
      yield manifestOf(row);
  }

  #get(sql: string, ...values: readonly (string | number | null)[]): Row | undefined {
    return this.#db.sql.prepare(sql).get(...values);
  }

  #all(sql: string, ...values: readonly (string | number | null)[]): readonly Row[] {
    return this.#db.sql.prepare(sql).all(...values);
  }

  #run(sql: string, ...values: readonly (string | number | null)[]): number {
    return Number(this.#db.sql.prepare(sql).run(...values).changes);
  }
}

const unnamed = `NOT EXISTS (SELECT 1 FROM registry_references r
  WHERE r.repository = registry_blobs.repository AND r.digest = registry_blobs.digest)`;

function linkOf(row: Row): LinkedBlob {
  return {
    digest: String(row["digest"]) as ContentDigest,
    content: parseDigest(String(row["content"])),
    size: Number(row["size"]),
  };
}

function manifestOf(row: Row): StoredManifest {
  const { artifact_type: artifactType, subject, annotations } = row;
  return {
    ...linkOf(row),
    mediaType: String(row["media_type"]),
    ...(typeof artifactType === "string" && { artifactType }),
    ...(typeof subject === "string" && { subject: subject as ContentDigest }),
    ...(typeof annotations === "string" && {
      annotations: JSON.parse(annotations) as Readonly<Record<string, string>>,
    }),
  };
}
