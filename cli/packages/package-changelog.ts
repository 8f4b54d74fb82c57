import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { isFault } from "#base/fault.ts";
import type { TarEntry } from "#oci/tar/entry.ts";
import { TarReader, type TarSink } from "#oci/tar/reader.ts";
import { outputOf } from "../bootstrap/run-program.ts";
import type { Available } from "./debian-index.ts";
import { downloadVerified } from "./download.ts";
import type { IndexCache } from "./index-cache.ts";

/** Larger packages are not fetched for their changelogs. */
const MAX_PACKAGE_BYTES = 64 << 20;
const MAX_CHANGELOG_BYTES = 8 << 20;
/** What is kept: entries of updates stand at the top. */
const MAX_KEPT_CHARS = 1 << 20;

/**
 * The changelog that a package brings itself, which its archive's index vouches for. Undefined when it brings none, as one that shares
 * another's documentation, or when it cannot be fetched.
 */
export async function readChangelog(
  { name, file }: Pick<Available, "name" | "file">,
  cache: IndexCache,
  signal: AbortSignal,
): Promise<string | undefined> {
  const kept = cache.derived(file.hash, "changelog");
  if (kept !== undefined) return kept === "" ? undefined : kept;
  if (file.size > MAX_PACKAGE_BYTES) return undefined;
  let text: string | undefined;
  try {
    text = await changelogIn(name, await downloadVerified(file.url, file, signal), signal);
  } catch (error) {
    if (!isFault(error)) throw error;
    return undefined;
  }
  cache.keepDerived(file.hash, "changelog", text ?? "");
  return text;
}

async function changelogIn(name: string, deb: Buffer, signal: AbortSignal): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-deb-"));
  try {
    const path = join(folder, createHash("sha256").update(name).digest("hex"));
    writeFileSync(path, deb);
    const finder = new ChangelogFinder(name);
    const reader = new TarReader(finder);
    for await (const chunk of outputOf(["dpkg-deb", "--fsys-tarfile", path], { signal })) reader.write(chunk);
    reader.end();
    const packed = finder.found;
    return packed && gunzipSync(packed, { maxOutputLength: 64 << 20 }).toString("utf8", 0, MAX_KEPT_CHARS);
  } catch (error) {
    if (error instanceof RangeError || (error as NodeJS.ErrnoException).code?.startsWith("Z_") === true)
      return undefined;
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class ChangelogFinder implements TarSink {
  readonly #folder: string;
  #rank = 0;
  #bytes: Uint8Array | undefined;
  found: Uint8Array | undefined;

  constructor(name: string) {
    this.#folder = `usr/share/doc/${name}/`;
  }

  entry({ type, path, size }: TarEntry): void {
    this.#bytes = undefined;
    const clean = path.replace(/^\.?\/+/, "");
    const rank = clean.startsWith(this.#folder) ? rankOf(clean.slice(this.#folder.length)) : 0;
    if (type !== "file" || rank <= this.#rank || size > MAX_CHANGELOG_BYTES) return;
    this.#rank = rank;
    this.#bytes = new Uint8Array(size);
    this.found = this.#bytes;
  }

  data(bytes: Uint8Array, position: number): void {
    this.#bytes?.set(bytes, position);
  }

  endEntry(): void {
    this.#bytes = undefined;
  }
}

/** A native package has Debian's changelog under the name that upstream's has in others. */
function rankOf(name: string): number {
  if (name === "changelog.Debian.gz") return 3;
  if (/^changelog\.Debian\.[a-z0-9]+\.gz$/.test(name)) return 2;
  return name === "changelog.gz" ? 1 : 0;
}
