import type { BigIntStats } from "node:fs";
import type { Digest } from "#oci/digest.ts";

/** Enough for a registry of thousands of images; beyond it what is known is found out anew. */
const MAX_KNOWN = 100_000;

/**
 * Which blobs were read whole, and what that has shown: a file that has not changed since need not be hashed again when it is sent.
 * Known for as long as the process lives.
 */
export class Soundness {
  readonly #sound = new Map<Digest, string>();
  readonly #damaged = new Set<Digest>();

  isSound(digest: Digest, file: BigIntStats): boolean {
    return this.#sound.get(digest) === versionOf(file);
  }

  isDamaged(digest: Digest): boolean {
    return this.#damaged.has(digest);
  }

  /** The file was written, or read, and has the digest. */
  noteSound(digest: Digest, file: BigIntStats): void {
    if (this.#sound.size >= MAX_KNOWN) this.#sound.clear();
    this.#sound.set(digest, versionOf(file));
    this.#damaged.delete(digest);
  }

  noteDamaged(digest: Digest): void {
    this.#sound.delete(digest);
    this.#damaged.add(digest);
  }
}

function versionOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}
