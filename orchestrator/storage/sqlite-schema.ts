/**
 * Every migration, oldest first; one that has been released is never edited.
 *
 *   log(revision, key, created, previous, value)  one row a change; value NULL: the key was removed; created 0: this change made the
 *                                                  key; previous: the key's revision before, 0 for none
 *   latest(key, revision, expires_at)              the keys there are; expires_at in seconds since 1970
 *   compaction(revision)                           one row: up to where the log has been compacted
 *
 * @see docs/formats/store.md
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE log (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    created INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    value BLOB
  );
  CREATE INDEX log_by_key ON log(key, revision);
  CREATE TABLE latest (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, expires_at INTEGER) WITHOUT ROWID;
  CREATE INDEX latest_by_expiry ON latest(expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE compaction (revision INTEGER NOT NULL);
  INSERT INTO compaction VALUES (0);
  `,
];
