import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { downloadVerified, sha256Hex } from "./download.ts";

/** Files that nobody has asked for in so long are removed. */
const MAX_IDLE_MS = 30 * 86_400_000;

/**
 * Files from distributions' archives, kept by their SHA-256. What is here was verified, is verified again when it is read, and is no
 * statement about today: which hash counts is asked anew each time. Where nothing may be written nothing is kept.
 */
export class IndexCache {
  readonly #folder: string;
  readonly #now: number;

  /** @param now milliseconds since 1970 */
  constructor(folder: string, now: number) {
    this.#folder = folder;
    this.#now = now;
  }

  /** @throws {Fault} as {@link downloadVerified} */
  async get(
    url: string,
    wanted: { readonly size: number; readonly hash: string },
    signal: AbortSignal,
  ): Promise<Buffer> {
    const kept = this.#read(wanted.hash);
    if (kept !== undefined && sha256Hex(kept) === wanted.hash) return kept;
    const bytes = await downloadVerified(url, wanted, signal);
    this.#write(wanted.hash, bytes);
    return bytes;
  }

  /** What was worked out of a file that has the hash. */
  derived(hash: string, kind: string): string | undefined {
    return this.#read(`${hash}.${kind}`)?.toString("utf8");
  }

  keepDerived(hash: string, kind: string, text: string): void {
    this.#write(`${hash}.${kind}`, Buffer.from(text));
  }

  /** Removes what nobody has asked for in a month, and pieces that a kill left. */
  prune(): void {
    const limit = this.#now - MAX_IDLE_MS;
    try {
      for (const name of readdirSync(this.#folder)) {
        const path = join(this.#folder, name);
        const age = statSync(path).mtimeMs;
        if (age < limit || (name.endsWith(".part") && age < this.#now - 3_600_000))
          rmSync(path, { force: true });
      }
    } catch {
      // Not there, or not ours: then nothing is kept either.
    }
  }

  #read(name: string): Buffer | undefined {
    try {
      const path = join(this.#folder, name);
      const bytes = readFileSync(path);
      const seconds = this.#now / 1000;
      utimesSync(path, seconds, seconds);
      return bytes;
    } catch {
      return undefined; // it is fetched instead
    }
  }

  #write(name: string, bytes: Uint8Array): void {
    const path = join(this.#folder, name);
    const temporary = `${path}.${process.pid}.part`;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
      writeFileSync(temporary, bytes);
      renameSync(temporary, path);
    } catch {
      rmSync(temporary, { force: true }); // a full disk or somebody else's folder is no reason not to answer
    }
  }
}
