import { Fault } from "#base/fault.ts";
import type { ByteText, TarTime } from "#oci/tar/entry.ts";
import type { Spool } from "./spool.ts";

interface Attributes {
  /** Permission, set-id and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: TarTime;
  readonly xattrs?: ReadonlyMap<ByteText, Uint8Array>;
}

/** Several names of one file share the node. */
export interface FileNode extends Attributes {
  readonly kind: "file";
  readonly size: number;
  /** Of the content, hexadecimal. */
  readonly sha256: string;
  readonly spool: Spool;
  readonly position: number;
}

export interface FolderNode extends Attributes {
  readonly kind: "folder";
  readonly children: Map<ByteText, TreeNode>;
}

export interface LinkNode extends Attributes {
  readonly kind: "symlink";
  readonly target: ByteText;
}

export interface PipeNode extends Attributes {
  readonly kind: "fifo";
}

export type TreeNode = FileNode | FolderNode | LinkNode | PipeNode;

export const noTime: TarTime = { seconds: 0, nanoseconds: 0 };

export function emptyFolder(): FolderNode {
  return { kind: "folder", mode: 0o755, uid: 0, gid: 0, mtime: noTime, children: new Map() };
}

const maxLinks = 40;

/** A node and the way to it, without links. */
export interface Found {
  readonly path: ByteText;
  readonly node: TreeNode;
}

/**
 * What is at the path, links followed within the tree; undefined when there is nothing.
 *
 * @param path relative to the root; `..` stops at the root
 * @throws {Fault} `invalid` for too many links
 */
export function findNode(root: FolderNode, path: ByteText): Found | undefined {
  const way: { readonly name: ByteText; readonly node: TreeNode }[] = [{ name: "", node: root }];
  const rest = path.split("/").toReversed();
  let links = 0;
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (way.length > 1) way.pop();
      continue;
    }
    const parent = way.at(-1)?.node;
    const child = parent?.kind === "folder" ? parent.children.get(name) : undefined;
    if (child === undefined) return undefined;
    if (child.kind !== "symlink") {
      way.push({ name, node: child });
      continue;
    }
    if (++links > maxLinks) throw new Fault("invalid", "too many levels of symbolic links");
    if (child.target.startsWith("/")) way.length = 1;
    rest.push(...child.target.split("/").toReversed());
  }
  return {
    path: way
      .slice(1)
      .map((step) => step.name)
      .join("/"),
    node: way.at(-1)?.node ?? root,
  };
}

/** Everything below a folder, parents before children, names in the order of their bytes; paths are relative to it. */
export function* nodesBelow(folder: FolderNode, prefix: ByteText = ""): Generator<Found> {
  for (const name of [...folder.children.keys()].sort()) {
    const node = folder.children.get(name) as TreeNode;
    const path = prefix === "" ? name : `${prefix}/${name}`;
    yield { path, node };
    if (node.kind === "folder") yield* nodesBelow(node, path);
  }
}

/** The content of a file that is small enough. @throws {Fault} `invalid` when it is larger */
export function readText(node: FileNode, maxBytes: number, name: string): string {
  if (node.size > maxBytes) throw new Fault("invalid", `${name} is larger than ${maxBytes} bytes`);
  return Buffer.concat([...node.spool.read(node.position, node.size)]).toString("utf8");
}
