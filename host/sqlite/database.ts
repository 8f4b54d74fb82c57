import { closeSync, fdatasync, fdatasyncSync, fstatSync, openSync, writeSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Fault } from "#base/fault.ts";

/**
 * `durable`: on disk when the write resolves. `ordered`: in the hands of the kernel, so that it survives the daemon but not a
 * power cut, unless a durable write has followed; what is lost then is always the end of what was written.
 */
export type Durability = "durable" | "ordered";

interface Pending {
  readonly durability: Durability;
  readonly apply: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * What the write-ahead log takes of the disk from the start: more than it grows to before SQLite begins it anew (1000 pages),
 * so that on a full disk containers can still be stopped and removed.
 */
const walReserveBytes = 4_300_000;

/** SQLITE_FULL, and SQLITE_IOERR_SHMSIZE for the index of the log. @see https://sqlite.org/rescode.html */
const fullDiskCodes: readonly unknown[] = [13, 4874];

export interface DatabaseOptions {
  /**
   * The disk is waited for beside the process's other work, instead of within it. What is committed and not on disk yet can be read
   * from {@link Database.sql} meanwhile, see {@link Database.isSettled}.
   */
  readonly syncsAside?: boolean;
}

/** A batch whose commit is on its way to the disk. */
interface Syncing {
  readonly batch: readonly Pending[];
  readonly settle: readonly (() => void)[];
}

/**
 * A database of one process: SQLite in WAL mode. Reads go straight to {@link Database.sql}; writes go
 * through {@link Database.write}, which commits all that were asked for within one turn of the event loop together, so a
 * burst of requests pays for one fsync.
 */
export class Database implements Disposable {
  readonly sql: DatabaseSync;
  #pending: Pending[] = [];
  #synchronous: "FULL" | "NORMAL" = "FULL";
  /** Of the write-ahead log, where its sync is our own business. */
  readonly #wal: number | undefined;
  #syncing: Syncing | undefined;
  /** After a sync has failed nobody knows what is on the disk. */
  #failure: unknown;
  readonly #savepoint: StatementSync;
  readonly #release: StatementSync;

  /**
   * Opens the file, creating it, and brings its schema up to date: `migrations`, oldest first, are done once each. Refuses a
   * schema newer than it knows.
   */
  constructor(file: string, migrations: readonly string[], { syncsAside = false }: DatabaseOptions = {}) {
    this.sql = new DatabaseSync(file);
    this.sql.exec(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA busy_timeout=5000",
    );
    migrate(this.sql, file, migrations);
    reserveRoom(`${file}-wal`);
    this.#savepoint = this.sql.prepare("SAVEPOINT one");
    this.#release = this.sql.prepare("RELEASE one");
    if (!syncsAside) return;
    // SQLite syncs the log before it is copied to the file; that it is synced before a write is done is ours to do.
    this.sql.exec("PRAGMA synchronous=NORMAL");
    this.#wal = openSync(`${file}-wal`, "r+");
  }

  /** Whether all that can be read is as durable as was asked for; never again after a sync has failed. */
  get isSettled(): boolean {
    return this.#syncing === undefined && this.#failure === undefined;
  }

  /**
   * Resolves when what `apply` wrote is as durable as was asked for; rejects once the database is closed. When `apply` throws,
   * its own writes alone are undone.
   *
   * @throws {Fault} `exhausted` when the disk is full; nothing of the write is kept then
   */
  write(apply: () => void, durability: Durability = "durable"): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pending.push({ durability, apply, resolve, reject });
    // While a batch is on its way to the disk, the next one gathers.
    if (this.#pending.length === 1 && this.#syncing === undefined) setImmediate(() => this.#flush());
    return promise;
  }

  [Symbol.dispose](): void {
    this.#finishSync();
    this.#flush();
    this.#finishSync();
    if (this.#wal !== undefined && this.sql.isOpen) closeSync(this.#wal);
    if (this.sql.isOpen) this.sql.close();
  }

  #flush(): void {
    const batch = this.#pending;
    if (batch.length === 0 || this.#syncing !== undefined) return;
    this.#pending = [];
    if (this.#failure !== undefined) {
      for (const { reject } of batch) reject(this.#failure);
      return;
    }
    const settle = this.#commit(batch);
    if (settle === undefined) return;
    if (this.#wal !== undefined && batch.some(({ durability }) => durability === "durable"))
      this.#sync(this.#wal, { batch, settle });
    else for (const done of settle) done();
  }

  #sync(wal: number, syncing: Syncing): void {
    this.#syncing = syncing;
    fdatasync(wal, (error) => {
      // Dispose has not waited for us.
      if (this.#syncing !== syncing) return;
      this.#synced(error);
      this.#flush();
    });
  }

  #finishSync(): void {
    if (this.#syncing === undefined || this.#wal === undefined) return;
    try {
      fdatasyncSync(this.#wal);
      this.#synced(null);
    } catch (error) {
      this.#synced(error);
    }
  }

  #synced(error: unknown): void {
    const { batch = [], settle = [] } = this.#syncing ?? {};
    this.#syncing = undefined;
    if (error === null) {
      for (const done of settle) done();
      return;
    }
    this.#failure = faultOfDisk(error);
    for (const { reject } of batch) reject(this.#failure);
  }

  /** What is to be called once it is on disk; undefined when it failed, and everybody has been told. */
  #commit(batch: readonly Pending[]): readonly (() => void)[] | undefined {
    const settle: (() => void)[] = [];
    const wanted = batch.some(({ durability }) => durability === "durable") ? "FULL" : "NORMAL";
    try {
      if (wanted !== this.#synchronous && this.#wal === undefined)
        this.sql.exec(`PRAGMA synchronous=${wanted}`);
      this.#synchronous = wanted;
      this.sql.exec("BEGIN IMMEDIATE");
      for (const write of batch) settle.push(this.#applyOne(write));
      this.sql.exec("COMMIT");
    } catch (error) {
      if (this.sql.isOpen && this.sql.isTransaction) this.sql.exec("ROLLBACK");
      const reason = faultOfDisk(error);
      for (const { reject } of batch) reject(reason);
      return undefined;
    }
    return settle;
  }

  #applyOne({ apply, resolve, reject }: Pending): () => void {
    this.#savepoint.run();
    try {
      apply();
      this.#release.run();
      return resolve;
    } catch (error) {
      // Some failures, a full disk among them, have ended the whole transaction already.
      if (!this.sql.isTransaction) throw error;
      this.sql.exec("ROLLBACK TO one; RELEASE one");
      return () => reject(faultOfDisk(error));
    }
  }
}

function faultOfDisk(error: unknown): unknown {
  if (!(error instanceof Error && "errcode" in error && fullDiskCodes.includes(error.errcode))) return error;
  return new Fault("exhausted", "cannot write metadata: no space left on device", { cause: error });
}

/** What stands behind the last valid frame is nothing to SQLite, which writes over it. A disk that is full already stays so. */
function reserveRoom(wal: string): void {
  const file = openSync(wal, "r+");
  try {
    const { size } = fstatSync(file);
    if (size < walReserveBytes) writeSync(file, Buffer.alloc(walReserveBytes - size), 0, null, size);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  } finally {
    closeSync(file);
  }
}

function migrate(sql: DatabaseSync, file: string, migrations: readonly string[]): void {
  const row = sql.prepare("PRAGMA user_version").get() as { user_version: number };
  if (row.user_version > migrations.length)
    throw new Error(
      `${file} has schema ${row.user_version}, this Gantry knows ${migrations.length}: use the newer Gantry that wrote it`,
    );
  for (const [index, migration] of migrations.entries()) {
    if (index < row.user_version) continue;
    sql.exec(`BEGIN IMMEDIATE; ${migration}; PRAGMA user_version=${index + 1}; COMMIT`);
  }
}
