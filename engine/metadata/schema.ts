/**
 * Every migration, oldest first; the number of those applied is the database's `user_version`. A migration that has been
 * released is never edited: a change is one more. docs/formats/metadata.md describes the result.
 *
 *   containers(id, name, record)            one row a container; record is ContainerRecord as JSON
 *   images(id, record)                      id = image ID (config digest); record is ImageRecord as JSON
 *   image_names(name, image_id, target)     normalised reference → image; target = digest of the manifest or index it names
 *   snapshots(id, key, kind, parent, bytes) one row a folder <root>/snapshots/<id>; kind = layer | container
 *   leases(id, expires_at)                  what is being worked on and must outlive garbage collection; seconds since 1970
 *   lease_items(lease_id, kind, ref)        kind = blob | snapshot
 *   networks(id, name, record)              user-defined networks
 *   volumes(name, record)                   named and anonymous volumes
 *   build_cache(key, record, used_at, uses) results of build steps; record is CacheRecord as JSON, used_at milliseconds since 1970
 *   image_artifacts(digest, subject, record) signatures of images, and indexes that lead to one; record is StoredArtifact as JSON
 *   image_damage(image_id, record)          images that were found altered on disk; record is ImageDamage as JSON
 *   image_looks(image_id, at)               when the scrubber last saw an image sound; milliseconds since 1970
 *   registry_blobs(repository, digest, content, size, used_at)
 *                                           what a repository of the own registry has; content = the blob's digest in the store
 *   registry_manifests(repository, digest, content, size, media_type, artifact_type, subject, annotations)
 *   registry_references(repository, manifest, digest)  which blobs and manifests a manifest names
 *   registry_tags(repository, tag, digest)  tag → manifest
 *   registry_uploads(id, repository, begun_at)  uploads under way; what has come is <root>/uploads/<id>
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE containers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE images (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE image_names (
    name TEXT PRIMARY KEY,
    image_id TEXT NOT NULL REFERENCES images(id),
    target TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX image_names_by_image ON image_names(image_id);
  CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('layer', 'container')),
    parent TEXT,
    bytes INTEGER
  );
  CREATE TABLE leases (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE lease_items (
    lease_id TEXT NOT NULL REFERENCES leases(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('blob', 'snapshot')),
    ref TEXT NOT NULL,
    PRIMARY KEY (lease_id, kind, ref)
  ) WITHOUT ROWID;
  CREATE TABLE networks (id TEXT PRIMARY KEY, name TEXT NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE volumes (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
  `,
  `
  CREATE TABLE build_cache (
    key TEXT PRIMARY KEY,
    record TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    uses INTEGER NOT NULL
  ) WITHOUT ROWID;
  `,
  `
  CREATE TABLE image_artifacts (
    digest TEXT NOT NULL,
    subject TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (digest, subject)
  ) WITHOUT ROWID;
  CREATE TABLE image_damage (image_id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
  `,
  `
  CREATE TABLE registry_blobs (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    content TEXT NOT NULL,
    size INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (repository, digest)
  ) WITHOUT ROWID;
  CREATE INDEX registry_blobs_by_digest ON registry_blobs(digest);
  CREATE TABLE registry_manifests (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    content TEXT NOT NULL,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    artifact_type TEXT,
    subject TEXT,
    annotations TEXT,
    PRIMARY KEY (repository, digest)
  ) WITHOUT ROWID;
  CREATE INDEX registry_manifests_by_subject ON registry_manifests(repository, subject) WHERE subject IS NOT NULL;
  CREATE TABLE registry_references (
    repository TEXT NOT NULL,
    manifest TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (repository, digest, manifest),
    FOREIGN KEY (repository, manifest) REFERENCES registry_manifests(repository, digest) ON DELETE CASCADE
  ) WITHOUT ROWID;
  CREATE INDEX registry_references_by_manifest ON registry_references(repository, manifest);
  CREATE TABLE registry_tags (
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (repository, tag),
    FOREIGN KEY (repository, digest) REFERENCES registry_manifests(repository, digest) ON DELETE CASCADE
  ) WITHOUT ROWID;
  CREATE INDEX registry_tags_by_digest ON registry_tags(repository, digest);
  CREATE TABLE registry_uploads (
    id TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    begun_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  `,
  `
  CREATE TABLE image_looks (image_id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
  `,
];
