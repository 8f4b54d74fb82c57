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
];
