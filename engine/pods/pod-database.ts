import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Database } from "#host/sqlite/database.ts";

/**
 * Pods have records of their own, apart from Docker's: neither API sees the other's containers.
 *
 *   sandboxes(id, record)         one row a pod sandbox; record is SandboxRecord as JSON
 *   containers(id, name, record)  one row a container of a pod; record is ContainerRecord as JSON
 *   networks(id, name, record)    the pods' network
 *   volumes(name, record)         what images of pods' containers declare as volumes
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE sandboxes (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE containers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE networks (id TEXT PRIMARY KEY, name TEXT NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE volumes (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
  `,
];

/** Below the engine's root; it is there once the CRI was used. */
export function podFolder(root: string): string {
  return join(root, "cri");
}

export function podDatabaseFile(root: string): string {
  return join(podFolder(root), "pods.db");
}

export function openPodDatabase(root: string): Database {
  mkdirSync(podFolder(root), { recursive: true, mode: 0o700 });
  return new Database(podDatabaseFile(root), migrations);
}
