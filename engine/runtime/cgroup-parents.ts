import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { Fault } from "#base/fault.ts";
import { type CgroupLayout, foldersOf } from "#host/cgroup/layout.ts";
import { removeEmptyCgroup } from "#host/cgroup/tree.ts";
import type { EnginePaths } from "./paths.ts";

/**
 * The absolute path of a `--cgroup-parent`, relative to each hierarchy's root.
 *
 * @throws {Fault} `invalid` for one that leads upwards
 */
export function parseCgroupParent(text: string): string {
  if (text.includes("\0") || text.split("/").includes(".."))
    throw new Fault("invalid", `invalid cgroup parent: ${JSON.stringify(text)} leads out of the hierarchy`);
  const path = posix.normalize(`/${text}`).replace(/\/+$/, "");
  if (path.length > 1024 || path.split("/").some((part) => part.length > 255))
    throw new Fault("invalid", "invalid cgroup parent: the path is too long");
  return path;
}

/**
 * Parents that users named for their containers and that were not there: they are removed with the last container below them,
 * where those that somebody else has made stay. Written down in the run folder, as cgroups do not survive a reboot either.
 */
export class CgroupParents {
  readonly #layout: CgroupLayout;
  readonly #file: string;
  readonly #made: Set<string>;

  constructor(layout: CgroupLayout, paths: EnginePaths) {
    this.#layout = layout;
    this.#file = join(paths.run, "cgroup-parents");
    this.#made = new Set(readLines(this.#file));
  }

  /** Before a cgroup below the parent is made. */
  note(parent: string): void {
    const parts = parent.split("/").slice(1);
    for (const path of parts.map((_part, index) => `/${parts.slice(0, index + 1).join("/")}`)) {
      if (this.#made.has(path) || this.#exists(path)) continue;
      this.#made.add(path);
      appendFileSync(this.#file, `${path}\n`, { mode: 0o600 });
    }
  }

  /** Removes those of ours that nothing is in any more. */
  sweep(): void {
    if (this.#made.size === 0) return;
    const deepestFirst = [...this.#made].toSorted((a, b) => b.length - a.length);
    const gone = deepestFirst.filter((path) => removeEmptyCgroup(this.#layout, path));
    if (gone.length === 0) return;
    for (const path of gone) this.#made.delete(path);
    if (this.#made.size === 0) rmSync(this.#file, { force: true });
    else writeFileSync(this.#file, [...this.#made, ""].join("\n"), { mode: 0o600 });
  }

  #exists(path: string): boolean {
    return foldersOf(this.#layout, path).some((folder) => existsSync(folder.path));
  }
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch {
    return [];
  }
}
