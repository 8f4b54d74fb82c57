import { posix } from "node:path";
import { Fault } from "#base/fault.ts";
import { byteText, shown } from "#engine/snapshots/rooted/paths.ts";
import { ignoreRules } from "#oci/dockerfile/ignore.ts";
import type { ByteText, TarTime } from "#oci/tar/entry.ts";
import type { Selected } from "./select.ts";
import { emptyFolder, type FolderNode, nodesBelow, type TreeNode } from "./tree.ts";

/** One thing in a new layer. */
export interface LayerEntry {
  /** Relative to the root, without outer slashes. */
  readonly path: ByteText;
  readonly node: TreeNode;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What the root file system has at a path, links followed. */
export type Lookup = (path: string) => "folder" | "file" | undefined;

export interface CopyRequest {
  readonly keyword: "COPY" | "ADD";
  readonly sources: readonly Selected[];
  /** Absolute, cleaned, without a slash at the end. */
  readonly destination: string;
  /** The user wrote a slash at the end, or there are several sources: what is copied goes into it. */
  readonly isFolder: boolean;
  /** Absent: as the source has it. */
  readonly owner?: Owner;
  /** Absent: as the source has it. Takes a mode and says what it becomes. */
  readonly changeMode?: (mode: number, isFolder: boolean) => number;
  readonly exclude: readonly string[];
  /** Sources keep the folders of their paths, from a `/./` on where there is one. */
  readonly parents: boolean;
  /** For folders that have to be made. */
  readonly mtime: TarTime;
  /** Folders on the way to a copied folder are the owner's as well, as in BuildKit. */
  readonly ownsWay?: boolean;
}

/**
 * Plans what a COPY puts where, as Docker does it: a folder's content goes to the destination, a file to the destination or, when
 * that is a folder, into it. Missing folders on the way are made; those
 * above a copied file for its owner, those above a copied folder for root unless the request says otherwise.
 *
 * @throws {Fault} `invalid` with Docker's texts
 */
export function planCopy(request: CopyRequest, lookup: Lookup): readonly LayerEntry[] {
  const planned = new Map<ByteText, LayerEntry>();
  const writer = new Planner(request, lookup, planned);
  for (const source of request.sources) writer.add(source);
  return [...planned.values()];
}

/** The folder of WORKDIR and the folders on the way to it; nothing when it is there. @throws {Fault} `invalid` when it is a file */
export function planFolder(
  path: string,
  mtime: TarTime,
  lookup: Lookup,
  owner: Owner = root,
): readonly LayerEntry[] {
  const planned = new Map<ByteText, LayerEntry>();
  ensureFolder(path, { mtime, owner, mode: 0o755 }, lookup, planned);
  return [...planned.values()];
}

const root: Owner = { uid: 0, gid: 0 };

class Planner {
  readonly #request: CopyRequest;
  readonly #lookup: Lookup;
  readonly #planned: Map<ByteText, LayerEntry>;
  readonly #excluded: (path: string) => boolean;

  constructor(request: CopyRequest, lookup: Lookup, planned: Map<ByteText, LayerEntry>) {
    this.#request = request;
    this.#lookup = lookup;
    this.#planned = planned;
    const rules = ignoreRules(request.exclude);
    this.#excluded = (path) => request.exclude.length > 0 && rules.ignores(path);
  }

  add(source: Selected): void {
    const { destination, isFolder, parents } = this.#request;
    if (parents) return this.#addWithParents(source);
    if (source.node.kind === "folder") return this.#addContent(source.node, destination);
    const base = posix.basename(source.name);
    if (this.#excluded(base)) return;
    const isInto = isFolder || this.#kindAt(destination) === "folder";
    this.#addLeaf(source.node, isInto ? posix.join(destination, base) : destination);
  }

  #addWithParents(source: Selected): void {
    const pivot = source.name.lastIndexOf("/./");
    const kept = pivot < 0 ? source.name : source.name.slice(pivot + 3);
    const target = posix.join(this.#request.destination, kept);
    if (source.node.kind === "folder") this.#addContent(source.node, target);
    else if (!this.#excluded(kept)) this.#addLeaf(source.node, target);
  }

  #addLeaf(node: TreeNode, target: string): void {
    if (this.#kindAt(target) === "folder")
      throw new Fault("invalid", `cannot copy to directory: ${target}: it is a directory`);
    this.#ensure(posix.dirname(target), this.#request.owner ?? root);
    // A file that two sources name is two files.
    this.#put(byteText(target.slice(1)), { ...node });
  }

  #addContent(folder: FolderNode, target: string): void {
    const { owner = root, ownsWay } = this.#request;
    this.#ensure(posix.dirname(target), ownsWay === true ? owner : root);
    this.#ensure(target, this.#request.owner ?? root);
    const prefix = byteText(target.slice(1));
    for (const { path, node } of nodesBelow(folder)) {
      if (this.#excluded(shown(path))) continue;
      if (this.#request.exclude.length > 0)
        this.#ensure(posix.dirname(`${target}/${shown(path)}`), this.#request.owner ?? root);
      this.#put(prefix === "" ? path : `${prefix}/${path}`, node);
    }
  }

  #kindAt(path: string): "folder" | "file" | undefined {
    const planned = this.#planned.get(byteText(path.slice(1)));
    if (planned !== undefined) return planned.node.kind === "folder" ? "folder" : "file";
    return this.#lookup(path);
  }

  #ensure(path: string, owner: Owner): void {
    const { mtime, destination, changeMode } = this.#request;
    ensureFolder(posix.dirname(path), { mtime, owner, mode: 0o755 }, this.#lookup, this.#planned);
    const mode = path === destination && changeMode !== undefined ? changeMode(0o755, true) : 0o755;
    ensureFolder(path, { mtime, owner, mode }, this.#lookup, this.#planned);
  }

  #put(path: ByteText, node: TreeNode): void {
    checkName(path);
    const { owner, changeMode } = this.#request;
    const isFolder = node.kind === "folder";
    const mode =
      changeMode === undefined || node.kind === "symlink" ? node.mode : changeMode(node.mode, isFolder);
    this.#planned.delete(path);
    const { uid, gid } = owner ?? node;
    this.#planned.set(path, { path, node, mode, uid, gid });
  }
}

/** A name like that would take files away from the layers below. */
export function checkName(path: ByteText): void {
  if (path.includes(".wh.") && /(^|\/)\.wh\./.test(path))
    throw new Fault(
      "invalid",
      `invalid file name ${JSON.stringify(shown(path))}: names that begin with ".wh." mean files that are gone`,
    );
}

interface NewFolder {
  readonly mtime: TarTime;
  readonly owner: Owner;
  readonly mode: number;
}

function ensureFolder(
  path: string,
  made: NewFolder,
  lookup: Lookup,
  planned: Map<ByteText, LayerEntry>,
): void {
  if (path === "/" || path === ".") return;
  const key = byteText(path.slice(1));
  if (planned.get(key)?.node.kind === "folder") return;
  const there = planned.has(key) ? "file" : lookup(path);
  if (there === "folder") return;
  if (there === "file") throw new Fault("invalid", `mkdir ${path}: not a directory`);
  ensureFolder(posix.dirname(path), { ...made, mode: 0o755 }, lookup, planned);
  checkName(key);
  const { mtime, owner, mode } = made;
  planned.set(key, { path: key, node: { ...emptyFolder(), mtime }, mode, ...owner });
}
