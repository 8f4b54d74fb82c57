import type { TarEntry } from "#oci/tar/entry.ts";
import { TarReader } from "#oci/tar/reader.ts";
import type { DebFile } from "./packages.ts";
import { outputOf, runProgram } from "./run-program.ts";

/** A file or symbolic link of a package. */
export interface PackageFile {
  /** Without a leading slash, as archives hold it. */
  readonly path: string;
  readonly header: TarEntry;
  readonly bytes: Uint8Array;
}

export interface Package {
  readonly name: string;
  /** The paragraph of `dpkg-deb --field`, ending in a line break. */
  readonly control: string;
  readonly files: readonly PackageFile[];
  /** Of its newest file, seconds since 1970: builds set no later time than the changelog's newest entry. */
  readonly newest: number;
}

/** Reads a package's control data and the files that `keeps` wants. Folders are left out, hard links become files. */
export async function readPackage(
  deb: DebFile,
  keeps: (path: string) => boolean,
  signal: AbortSignal,
): Promise<Package> {
  const control = await runProgram(["dpkg-deb", "--field", deb.path], { signal });
  const collector = new Collector();
  const reader = new TarReader(collector);
  for await (const chunk of outputOf(["dpkg-deb", "--fsys-tarfile", deb.path], { signal }))
    reader.write(chunk);
  reader.end();
  return {
    name: deb.name,
    control,
    files: [...collector.files.values()].filter(({ path }) => keeps(path)),
    newest: collector.newest,
  };
}

class Collector {
  readonly files = new Map<string, PackageFile>();
  newest = 0;
  #header: TarEntry | undefined;
  #bytes: Uint8Array = new Uint8Array(0);

  entry(header: TarEntry): void {
    this.#header = header;
    this.#bytes = new Uint8Array(header.size);
    this.newest = Math.max(this.newest, header.mtime.seconds);
  }

  data(bytes: Uint8Array, position: number): void {
    this.#bytes.set(bytes, position);
  }

  endEntry(): void {
    const header = this.#header;
    if (header === undefined) return;
    const path = cleanPath(header.path);
    if (header.type === "file" || header.type === "symlink")
      this.files.set(path, { path, header, bytes: this.#bytes });
    const source = header.type === "link" ? this.files.get(cleanPath(header.linkPath)) : undefined;
    if (source !== undefined) this.files.set(path, { ...source, path });
  }
}

function cleanPath(path: string): string {
  return path.replace(/^\.?\/+/, "").replace(/\/+$/, "");
}
