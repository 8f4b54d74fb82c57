import { createHash, type Hash } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { cleanPath, shown, splitPath } from "#engine/snapshots/rooted/paths.ts";
import { isKept } from "#engine/snapshots/rooted/node-writer.ts";
import type { ByteText, TarEntry } from "#oci/tar/entry.ts";
import { TarReader, type TarSink } from "#oci/tar/reader.ts";
import type { Spool } from "./spool.ts";
import { emptyFolder, type FileNode, findNode, type FolderNode, type TreeNode } from "./tree.ts";

const maxEntries = 500_000;
/** Folders may be this deep: what walks a tree calls itself once a level. */
const maxLevels = 1000;
const zeros = Buffer.alloc(64 << 10);

/**
 * Reads a tar archive into a tree without writing any of it to a path: links are followed within the tree, and devices are left
 * out, so a hostile archive has nothing to reach.
 *
 * @throws {Fault} `invalid` for a broken archive, one that leads out of its root, or has too many entries; `exhausted`
 */
export async function readTree(source: AsyncIterable<Uint8Array>, spool: Spool): Promise<FolderNode> {
  const builder = new TreeBuilder(spool);
  const reader = new TarReader(builder, { maxPathBytes: 4096, maxMetaBytes: 1 << 20, maxEntries });
  for await (const chunk of source) reader.write(chunk);
  reader.end();
  return builder.root;
}

interface OpenFile {
  readonly parent: FolderNode;
  readonly name: ByteText;
  readonly entry: TarEntry;
  readonly position: number;
  readonly hash: Hash;
  hashed: number;
}

class TreeBuilder implements TarSink {
  #root = emptyFolder();
  readonly #spool: Spool;
  #open: OpenFile | undefined;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  get root(): FolderNode {
    return this.#root;
  }

  entry(entry: TarEntry): void {
    const path = cleanPath(entry.path);
    if (path === "") {
      if (entry.type === "directory") this.#root = { ...this.#root, ...attributesOf(entry) };
      return;
    }
    const [folder, name] = splitPath(path);
    const parent = this.#folder(folder);
    switch (entry.type) {
      case "directory":
        return this.#addFolder(parent, name, entry);
      case "file":
        this.#open = {
          parent,
          name,
          entry,
          position: this.#spool.reserve(entry.size),
          hash: createHash("sha256"),
          hashed: 0,
        };
        return;
      case "symlink":
        parent.children.set(name, { kind: "symlink", target: entry.linkPath, ...attributesOf(entry) });
        return;
      case "link":
        return this.#addLink(parent, name, entry);
      case "fifo":
        parent.children.set(name, { kind: "fifo", ...attributesOf(entry) });
        return;
      case "char":
      case "block":
        return;
      default:
        return entry.type satisfies never;
    }
  }

  data(bytes: Uint8Array, position: number): void {
    const open = this.#open;
    if (open === undefined) return;
    fillUpTo(open, position);
    open.hash.update(bytes);
    open.hashed += bytes.length;
    this.#spool.write(open.position + position, bytes);
  }

  endEntry(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    const { parent, name, entry, position, hash } = open;
    fillUpTo(open, entry.size);
    const node: FileNode = {
      kind: "file",
      ...attributesOf(entry),
      size: entry.size,
      sha256: hash.digest("hex"),
      spool: this.#spool,
      position,
    };
    parent.children.set(name, node);
  }

  #addFolder(parent: FolderNode, name: ByteText, entry: TarEntry): void {
    const before = parent.children.get(name);
    const children = before?.kind === "folder" ? before.children : new Map<ByteText, TreeNode>();
    parent.children.set(name, { kind: "folder", ...attributesOf(entry), children });
  }

  #addLink(parent: FolderNode, name: ByteText, entry: TarEntry): void {
    const [folder, last] = splitPath(cleanPath(entry.linkPath));
    const found = findNode(this.#root, folder)?.node;
    const target = found?.kind === "folder" ? found.children.get(last) : undefined;
    if (target === undefined || target.kind === "folder")
      throw new Fault(
        "invalid",
        `${shown(entry.path)}: a hard link to ${shown(entry.linkPath)}, which is no file here`,
      );
    parent.children.set(name, target);
  }

  /** Made when the archive did not bring it. */
  #folder(path: ByteText): FolderNode {
    if (path === "") return this.#root;
    const known = findNode(this.#root, path)?.node;
    if (known?.kind === "folder") return known;
    if (known !== undefined) throw new Fault("invalid", `not a directory: ${shown(path)}`);
    if (path.split("/").length > maxLevels) throw new Fault("invalid", "file name too long");
    const [above, name] = splitPath(path);
    const parent = this.#folder(above);
    if (parent.children.has(name)) throw new Fault("invalid", `${shown(path)}: a link that leads nowhere`);
    const made = emptyFolder();
    parent.children.set(name, made);
    return made;
  }
}

/** Holes count as the zeros that they are read as. */
function fillUpTo(open: OpenFile, position: number): void {
  while (open.hashed < position) {
    const length = Math.min(zeros.length, position - open.hashed);
    open.hash.update(zeros.subarray(0, length));
    open.hashed += length;
  }
}

function attributesOf({ mode, uid, gid, mtime, xattrs }: TarEntry) {
  const kept = xattrs === undefined ? [] : [...xattrs].filter(([name]) => isKept(name));
  return { mode: mode & 0o7777, uid, gid, mtime, ...(kept.length > 0 && { xattrs: new Map(kept) }) };
}
