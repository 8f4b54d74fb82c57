import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Database } from "#host/sqlite/database.ts";
import { refusal } from "./refusal.ts";
import { Upload } from "./upload.ts";

/** Uploads under way: a client that never ends them takes room, so there is an end to that. */
const MAX_IN_REPOSITORY = 200;
const MAX_AT_ALL = 2000;
/** After which nobody comes back to an upload; and when there are too many. */
const LIFETIME_MS = 24 * 60 * 60 * 1000;
const SHORT_LIFETIME_MS = 60 * 60 * 1000;

/**
 * The uploads under way: a row each, so that they go on when the daemon was killed, and a file each. Those that are a day old go
 * when another one begins, or at the next start.
 */
export class Uploads implements AsyncDisposable {
  readonly #db: Database;
  readonly #folder: string;
  readonly #now: () => number;
  readonly #open = new Map<string, Upload>();

  /** @param deps.now milliseconds since 1970 */
  static async open(deps: {
    readonly db: Database;
    readonly folder: string;
    readonly now: () => number;
  }): Promise<Uploads> {
    const uploads = new Uploads(deps);
    await mkdir(deps.folder, { recursive: true, mode: 0o700 });
    await uploads.#sweep(LIFETIME_MS);
    await uploads.#removeStrays();
    return uploads;
  }

  private constructor(deps: { readonly db: Database; readonly folder: string; readonly now: () => number }) {
    this.#db = deps.db;
    this.#folder = deps.folder;
    this.#now = deps.now;
  }

  /** @throws {Fault} `TOOMANYREQUESTS` when too many are under way */
  async begin(repository: string): Promise<Upload> {
    await this.#sweep(this.#isCrowded(repository) ? SHORT_LIFETIME_MS : LIFETIME_MS);
    const upload = this.#made(randomUUID(), repository);
    // A power cut takes it away, which a client finds out as when it had expired.
    await this.#db.write(() => {
      if (this.#isCrowded(repository))
        throw refusal("TOOMANYREQUESTS", "too many uploads are under way: end some of them");
      this.#db.sql
        .prepare("INSERT INTO registry_uploads (id, repository, begun_at) VALUES (?, ?, ?)")
        .run(upload.id, repository, this.#now());
    }, "ordered");
    this.#open.set(upload.id, upload);
    return upload;
  }

  /** One that nobody can come back to. Whoever has it ends it by {@link Uploads.forget} or {@link Uploads.cancel}. */
  beginUnlisted(repository: string): Upload {
    const upload = this.#made(randomUUID(), repository);
    this.#open.set(upload.id, upload);
    return upload;
  }

  /** @throws {Fault} `BLOB_UPLOAD_UNKNOWN` when the repository has none with that ID */
  get(repository: string, id: string): Upload {
    const row = this.#db.sql
      .prepare("SELECT id FROM registry_uploads WHERE id = ? AND repository = ?")
      .get(id, repository);
    if (row === undefined) throw refusal("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    const open = this.#open.get(id) ?? this.#made(id, repository);
    this.#open.set(id, open);
    return open;
  }

  /** For inside {@link Database.write}: the upload is over, its file is somebody else's. */
  forget({ id }: Upload): void {
    this.#db.sql.prepare("DELETE FROM registry_uploads WHERE id = ?").run(id);
    this.#open.delete(id);
  }

  /** Ends it; nothing of it stays. */
  async cancel(upload: Upload): Promise<void> {
    await upload.discard();
    await this.#db.write(() => this.forget(upload), "ordered");
  }

  /** Leaves what has come for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this.#open.values(), (upload) => upload.leave()));
    this.#open.clear();
  }

  #made(id: string, repository: string): Upload {
    return new Upload(id, repository, join(this.#folder, id));
  }

  #count(where: string, ...values: readonly string[]): number {
    const sql = `SELECT count(*) AS count FROM registry_uploads WHERE ${where}`;
    return Number(this.#db.sql.prepare(sql).get(...values)?.["count"]);
  }

  #isCrowded(repository: string): boolean {
    return this.#count("repository = ?", repository) >= MAX_IN_REPOSITORY || this.#count("1") >= MAX_AT_ALL;
  }

  async #sweep(lifetimeMs: number): Promise<void> {
    const before = this.#now() - lifetimeMs;
    const rows = this.#db.sql
      .prepare("SELECT id, repository FROM registry_uploads WHERE begun_at < ?")
      .all(before);
    for (const { id, repository } of rows) {
      const upload = this.#open.get(String(id)) ?? this.#made(String(id), String(repository));
      if (await hasChangedSince(upload.path, before)) continue;
      await this.cancel(upload);
    }
  }

  /** Files without a row: of a power cut, or of requests that were to bring a whole blob at once. */
  async #removeStrays(): Promise<void> {
    const known = new Set(
      this.#db.sql
        .prepare("SELECT id FROM registry_uploads")
        .all()
        .map(({ id }) => id),
    );
    for (const name of await readdir(this.#folder))
      if (!known.has(name)) await rm(join(this.#folder, name), { recursive: true, force: true });
  }
}

async function hasChangedSince(path: string, ms: number): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs >= ms;
  } catch {
    return false;
  }
}
