import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { dirname, join, posix } from "node:path";
import { Fault } from "#base/fault.ts";
import { decompressed } from "#engine/images/decompress.ts";
import { packPath } from "#engine/snapshots/rooted.ts";
import { byteText } from "#engine/snapshots/rooted/paths.ts";
import type { BuiltLayer } from "#engine/images/image-workshop.ts";
import type { Digest } from "#oci/digest.ts";
import { tarEnd } from "#oci/tar/writer.ts";
import type { BuildContext } from "./build-deps.ts";
import type { Lookup } from "./files/layer-plan.ts";
import { cleanSource, hasWildcards, missing, type Selected, selectNodes } from "./files/select.ts";
import { Spool } from "./files/spool.ts";
import { emptyFolder, type FileNode, findNode, type FolderNode, readText } from "./files/tree.ts";
import { readTree } from "./files/tree-builder.ts";

const readBytes = 1 << 18;

/** Absolute folders of the layers, the topmost first. */
export function layerFolders({ snapshots }: BuildContext, chain: Digest | undefined): readonly string[] {
  if (chain === undefined) return [];
  return snapshots.mountOf(chain).lower.map((folder) => join(snapshots.root, folder));
}

export function lookupIn(context: BuildContext, chain: Digest | undefined): Lookup {
  const folders = layerFolders(context, chain);
  return (path) => {
    if (folders.length === 0) return path === "/" ? "folder" : undefined;
    const kind = context.files.locate(path, folders)?.kind;
    return kind === undefined ? undefined : kind === "folder" ? "folder" : "file";
  };
}

/**
 * Takes what the sources of a COPY mean out of a stage or image: a worker that is locked into its file system reads it. Of a source
 * with wildcards that is the folder where they begin.
 *
 * @throws {Fault} `not-found`
 */
export async function selectFromLayers(
  context: BuildContext,
  layers: readonly BuiltLayer[],
  sources: readonly string[],
  spool: Spool,
  signal: AbortSignal,
): Promise<readonly Selected[]> {
  const folders = layerFolders(context, layers.at(-1)?.chainId);
  const selected: Selected[] = [];
  for (const source of sources) {
    const clean = cleanSource(source);
    const parts = clean.split("/");
    const plain = parts.findIndex(hasWildcards);
    const start = plain < 0 ? clean : parts.slice(0, plain).join("/");
    const found = folders.length === 0 ? undefined : context.files.locate(start, folders);
    if (found === undefined) {
      if (plain >= 0) continue;
      throw new Fault("not-found", `stat ${posix.join("/", clean)}: file does not exist`);
    }
    const tree = await packTree(context, layers, found.path, found.kind === "folder", spool, signal);
    if (plain < 0) selected.push({ ...one(tree, found), name: clean });
    else selected.push(...matches(tree, start, parts.slice(plain).join("/")));
  }
  return selected;
}

function one(tree: FolderNode, { kind, path }: { readonly kind: string; readonly path: string }) {
  if (kind === "folder") return { path: byteText(path.slice(1)), node: tree };
  const node = tree.children.get(byteText(posix.basename(path)));
  if (node === undefined) throw missing(path);
  return { path: byteText(path.slice(1)), node };
}

function matches(tree: FolderNode, start: string, pattern: string): readonly Selected[] {
  return selectNodes(tree, pattern).map((found) => ({ ...found, name: posix.join(start, found.name) }));
}

async function packTree(
  { snapshots, folder }: BuildContext,
  layers: readonly BuiltLayer[],
  path: string,
  isFolder: boolean,
  spool: Spool,
  signal: AbortSignal,
): Promise<FolderNode> {
  const top = layers.at(-1);
  if (top === undefined) return emptyFolder();
  const archive = join(folder, "tmp", randomUUID());
  try {
    await mkdir(dirname(archive), { recursive: true, mode: 0o700 });
    await snapshots.copyOut(top.chainId, isFolder ? `${path === "/" ? "" : path}/.` : path, archive, signal);
    return await readTree(createReadStream(archive, { highWaterMark: readBytes }), spool);
  } finally {
    await rm(archive, { force: true });
  }
}

/** An archive of everything that the layers make together. */
export async function packLayers(
  { snapshots }: BuildContext,
  layers: readonly BuiltLayer[],
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const top = layers.at(-1);
  if (top === undefined) return Readable.from([tarEnd]);
  const mount = snapshots.mountOf(top.chainId);
  const root = { kind: "overlay", snapshots: snapshots.root, mount, binds: [] } as const;
  return (await packPath(root, "/.", signal)).tar;
}

const maxHeadBytes = 512;

/** Whether ADD unpacks the file: a tar archive, possibly compressed. */
export async function isArchive(node: FileNode): Promise<boolean> {
  if (node.size < maxHeadBytes / 16) return false;
  try {
    let head: Buffer = Buffer.alloc(0);
    for await (const chunk of decompressed(Readable.from(node.spool.read(node.position, node.size)))) {
      head = Buffer.concat([head, chunk]);
      if (head.length >= maxHeadBytes) break;
    }
    return hasTarHeader(head);
  } catch {
    return false;
  }
}

/** By its checksum, which even the oldest format has. */
function hasTarHeader(head: Buffer): boolean {
  if (head.length < maxHeadBytes || head[0] === 0) return false;
  const stored = Number.parseInt(
    head
      .toString("latin1", 148, 156)
      .replace(/[\0 ]+$/, "")
      .trim(),
    8,
  );
  let sum = 0;
  for (let at = 0; at < maxHeadBytes; at++) sum += at >= 148 && at < 156 ? 32 : (head[at] ?? 0);
  return stored === sum;
}

/** An archive of the context as a tree. @throws {Fault} `invalid` for a broken one */
export async function unpackFile(node: FileNode, spool: Spool): Promise<FolderNode> {
  return await readTree(decompressed(Readable.from(node.spool.read(node.position, node.size))), spool);
}

const maxTextBytes = 1 << 20;

/** A text file of the context; undefined when there is none. @throws {Fault} `invalid` when it is too large */
export function contextText(root: FolderNode, path: string): string | undefined {
  const found = findNode(root, byteText(cleanSource(path)));
  return found?.node.kind === "file" ? readText(found.node, maxTextBytes, path) : undefined;
}
