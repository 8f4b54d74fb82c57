import { setImmediate } from "node:timers/promises";
import type { TarEntry, TarEntryType, TarTime } from "#oci/tar/entry.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";
import type { LayerEntry } from "./layer-plan.ts";
import type { FileNode, TreeNode } from "./tree.ts";

const types = {
  file: "file",
  folder: "directory",
  symlink: "symlink",
  fifo: "fifo",
} as const satisfies Record<TreeNode["kind"], TarEntryType>;
const pieceBytes = 1 << 18;
/** So much is made before others get their turn. */
const turnBytes = 4 << 20;

/**
 * The layer as a tar stream: the same entries give the same bytes. Several names of one file become links.
 *
 * @param latest no time is later than this, where given (SOURCE_DATE_EPOCH)
 */
export async function* layerArchive(
  entries: readonly LayerEntry[],
  latest?: TarTime,
): AsyncGenerator<Uint8Array> {
  const names = new Map<FileNode, string>();
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  let sinceTurn = 0;
  for (const entry of entries)
    for (const piece of partsOf(entry, names, latest)) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes < pieceBytes) continue;
      yield Buffer.concat(pieces, bytes);
      sinceTurn += bytes;
      pieces = [];
      bytes = 0;
      if (sinceTurn < turnBytes) continue;
      sinceTurn = 0;
      await setImmediate();
    }
  yield Buffer.concat([...pieces, tarEnd]);
}

function* partsOf(
  { path, node, mode, uid, gid }: LayerEntry,
  names: Map<FileNode, string>,
  latest: TarTime | undefined,
): Generator<Uint8Array> {
  const first = node.kind === "file" ? names.get(node) : undefined;
  if (node.kind === "file" && first === undefined) names.set(node, path);
  const entry: TarEntry = {
    type: first === undefined ? types[node.kind] : "link",
    path,
    linkPath: first ?? (node.kind === "symlink" ? node.target : ""),
    mode,
    uid,
    gid,
    size: node.kind === "file" && first === undefined ? node.size : 0,
    mtime: latest !== undefined && node.mtime.seconds > latest.seconds ? latest : node.mtime,
    major: 0,
    minor: 0,
    ...(node.xattrs !== undefined && { xattrs: node.xattrs }),
  };
  yield tarHeader(entry);
  if (node.kind !== "file" || first !== undefined) return;
  yield* node.spool.read(node.position, node.size);
  yield tarPadding(node.size);
}
