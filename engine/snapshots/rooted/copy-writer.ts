import { lstatSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import type { ByteText, TarEntry } from "#oci/tar/entry.ts";
import type { TarSink } from "#oci/tar/reader.ts";
import { NodeWriter } from "./node-writer.ts";
import { keptCapability, type Owners } from "./owners.ts";
import { cleanPath, codeOf, fsPath, shown, splitPath } from "./paths.ts";

export interface CopyOptions {
  readonly noOverwriteDirNonDir: boolean;
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly owners: Owners;
  /** Whether the archive's root says owner, mode and times of the destination. */
  readonly setsDestination: boolean;
  /** How the destination is called in messages. */
  readonly destination: string;
}

/**
 * Unpacks an archive into the working directory of a process that is locked into the tree, as `docker cp` does: the kernel
 * follows the tree's links, the root stops them.
 *
 * @see Docker Engine API v1.51, PUT /containers/{id}/archive
 */
export class CopyWriter implements TarSink {
  readonly #options: CopyOptions;
  readonly #nodes = new NodeWriter({ chownsAll: true, onReplace: () => this.#folders.clear() });
  /** Known to exist. */
  readonly #folders = new Set<ByteText>();

  constructor(options: CopyOptions) {
    this.#options = options;
  }

  entry(entry: TarEntry): void {
    const path = cleanPath(entry.path);
    if (path === "") {
      if (entry.type !== "directory") throw new Fault("invalid", "the root of the archive is not a folder");
      if (this.#options.setsDestination) this.#nodes.make(".", this.#kept(entry));
      return;
    }
    const disk = `./${path}`;
    this.#nodes.trim(disk);
    this.#ensureFolder(splitPath(path)[0]);
    this.#checkOverwrite(disk, entry);
    if (entry.type === "link") this.#nodes.link(disk, `./${cleanPath(entry.linkPath)}`);
    else this.#nodes.make(disk, this.#kept({ ...entry, ...this.#options.owner }));
    if (entry.type === "directory") this.#folders.add(path);
  }

  data(bytes: Uint8Array, position: number): void {
    this.#nodes.write(bytes, position);
  }

  endEntry(): void {
    this.#nodes.close();
  }

  finish(): void {
    this.#nodes.finish();
  }

  #ensureFolder(path: ByteText): void {
    if (path === "" || this.#folders.has(path)) return;
    if (!isFolder(`./${path}`)) {
      this.#ensureFolder(splitPath(path)[0]);
      const { uid, gid } = this.#options.owner ?? { uid: 0, gid: 0 };
      const made = { mode: 0o755, uid, gid, mtime: { seconds: 0, nanoseconds: 0 } };
      this.#nodes.makeFolder(`./${path}`, this.#kept(made));
    }
    if (this.#folders.size > 50_000) this.#folders.clear();
    this.#folders.add(path);
  }

  /** As the disk gets it. */
  #kept<T extends Pick<TarEntry, "uid" | "gid" | "xattrs">>(entry: T): T {
    const { owners } = this.#options;
    const capability = entry.xattrs?.get("security.capability");
    const xattrs =
      capability === undefined
        ? {}
        : { xattrs: new Map(entry.xattrs).set("security.capability", keptCapability(capability, owners)) };
    return { ...entry, uid: owners.kept(entry.uid), gid: owners.kept(entry.gid), ...xattrs };
  }

  #checkOverwrite(disk: ByteText, entry: TarEntry): void {
    if (!this.#options.noOverwriteDirNonDir) return;
    const there = lstatSync(fsPath(disk), { throwIfNoEntry: false });
    if (there === undefined || there.isDirectory() === (entry.type === "directory")) return;
    const [from, to] = there.isDirectory() ? ["directory", "non-directory"] : ["non-directory", "directory"];
    throw new Fault(
      "invalid",
      `cannot overwrite ${from} "${shown(disk.slice(1))}" with ${to} "${this.#options.destination}"`,
    );
  }
}

/** Through links, as the kernel will go when something is put there. */
function isFolder(disk: ByteText): boolean {
  try {
    return lstatSync(fsPath(`${disk}/.`)).isDirectory();
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return false;
    throw error;
  }
}
