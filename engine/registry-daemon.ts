import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { messageOf } from "#base/fault.ts";
import { jsonLog, type Log, type LogLevel } from "#base/log.ts";
import type { RegistryServerSettings } from "#base/registry-server-settings.ts";
import { CacheStore } from "#engine/build/cache-store.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import { openFileStore } from "#engine/content/file-store.ts";
import { Collector } from "#engine/gc/collector.ts";
import { Leases } from "#engine/gc/leases.ts";
import { ImageStore } from "#engine/images/image-store.ts";
import { openEngineDatabase } from "#engine/metadata/engine-database.ts";
import { RegistryServer } from "#engine/registry-server/registry-server.ts";
import { Registry } from "#engine/registry-server/registry.ts";
import { releaseMemory } from "#host/memory.ts";
import type { Database } from "#host/sqlite/database.ts";
import { RepositoryRows } from "#engine/registry-server/repository-rows.ts";

interface RegistryParts {
  readonly root: string;
  readonly db: Database;
  readonly content: ContentStore;
  readonly leases: Leases;
  readonly collector: Collector;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
}

interface ServedRegistry extends AsyncDisposable {
  readonly port: number;
  reloadTls(): Promise<void>;
}

/** Serves the registry over the content and the records of a root folder that somebody has open. */
export async function serveRegistry(
  parts: RegistryParts,
  settings: RegistryServerSettings,
): Promise<ServedRegistry> {
  const log = parts.log.with({ area: "registry" });
  await using undo = new AsyncDisposableStack();
  const registry = undo.use(
    await Registry.open({ ...parts, uploadsFolder: join(parts.root, "uploads"), log }),
  );
  const server = undo.use(
    await RegistryServer.open({
      registry,
      settings,
      now: parts.now,
      log,
      whenIdle: () => void releaseMemory(),
    }),
  );
  const where = { host: settings.listen.host, port: server.port, tls: settings.tls !== undefined };
  log.info("registry listening", where);
  if (settings.anonymous === "write") log.info("whoever can reach the registry may push to it", where);
  const opened = undo.move();
  return {
    port: server.port,
    reloadTls: () => server.reloadTls(),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

export interface RegistryOptions {
  /** Absolute; an engine's, or one of its own. */
  readonly root: string;
  readonly logLevel: LogLevel;
  readonly server: RegistryServerSettings;
}

/**
 * Opens a root folder without an engine and serves its registry. What an engine has there is left alone, and is kept from garbage
 * collection; nobody else may have the folder open.
 */
export async function openRegistry({ root, logLevel, server }: RegistryOptions): Promise<AsyncDisposable> {
  await using undo = new AsyncDisposableStack();
  mkdirSync(root, { recursive: true });
  chmodSync(root, 0o700);
  const log = jsonLog((line) => process.stderr.write(line), { level: logLevel, now: () => new Date() });
  const now = () => Date.now();
  const db = undo.use(openEngineDatabase(join(root, "engine.db")));
  const content = await openFileStore(root);
  const leases = new Leases({ db, now, log });
  const roots = [new ImageStore(db), new CacheStore(db, now), new RepositoryRows(db)];
  const collector = undo.use(
    new Collector({
      content,
      // Layers are the engine's business.
      snapshots: { list: () => [], usage: async () => 0, remove: async () => {} },
      leases,
      roots: () => roots.flatMap((holder) => Array.from(holder.roots())),
      now,
      log,
    }),
  );
  const served = undo.use(await serveRegistry({ root, db, content, leases, collector, now, log }, server));
  const reload = () =>
    void served.reloadTls().then(
      () => log.info("certificates read again"),
      (error: unknown) => log.error("certificates were not read again", { error: messageOf(error) }),
    );
  process.on("SIGHUP", reload);
  undo.defer(() => void process.off("SIGHUP", reload));
  collector.request();
  return undo.move();
}
