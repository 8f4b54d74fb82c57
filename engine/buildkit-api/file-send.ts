import { bytesMessage, packet, packetTypes, type stat } from "#api/buildkit/session.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { Fault } from "#base/fault.ts";
import {
  emptyFolder,
  type FileNode,
  type FolderNode,
  nodesBelow,
  type TreeNode,
} from "#engine/build/files/tree.ts";
import { byteText, shown } from "#engine/snapshots/rooted/paths.ts";
import { toGoMode } from "#api/buildkit/go-mode.ts";
import type { ClientCall } from "#rpc/rpc-client.ts";
import type { Session } from "./sessions.ts";

const method = "/moby.filesync.v1.FileSend/DiffCopy";
const pieceBytes = 1 << 20;
const dataBytes = 32 << 10;

function open(session: Session, index: number, signal: AbortSignal): ClientCall {
  if (!session.supports(method)) throw new Fault("invalid", `method ${method} not supported by the client`);
  return session.client.open(method, { "buildkit-attachable-exporter-id": String(index) }, signal);
}

/** Sends an archive to where the client writes it. @throws {Fault} with what the client says */
export async function sendArchive(
  session: Session,
  index: number,
  archive: AsyncIterable<Uint8Array>,
  moved: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  using call = open(session, index, signal);
  const answers = drain(call);
  let sent = 0;
  try {
    for await (const piece of archive)
      for (let at = 0; at < piece.length; at += pieceBytes) {
        const data = piece.subarray(at, at + pieceBytes);
        await call.send(bytesMessage.encode({ data }));
        moved((sent += data.length));
      }
    call.finish();
  } catch (error) {
    await answers; // what the client says about it is the better reason
    throw error;
  }
  await answers;
}

async function drain(call: ClientCall): Promise<void> {
  for await (const _ of call.messages());
}

/** Files for a folder of the client. */
export interface SentTree {
  readonly root: FolderNode;
  /** A folder there that is to have them; empty for none. */
  readonly below: string;
  /** The time that all of them have, in seconds since 1970, instead of their own. */
  readonly epoch: number | undefined;
}

/**
 * Sends a file tree to the client's folder. Owners do not go along.
 *
 * @throws {Fault} with what the client says
 * @see github.com/tonistiigi/fsutil, send.go
 */
export async function sendTree(
  session: Session,
  index: number,
  { root: tree, below, epoch }: SentTree,
  moved: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const root = below === "" ? tree : { ...emptyFolder(), children: new Map([[byteText(below), tree]]) };
  using call = open(session, index, signal);
  const files: (FileNode | undefined)[] = [];
  let sent = 0;
  const send = async (bytes: Uint8Array) => {
    await call.send(bytes);
    moved((sent += bytes.length));
  };
  const list = async () => {
    for (const { path, node } of nodesBelow(root)) {
      files.push(node.kind === "file" ? node : undefined);
      await send(packet.encode({ type: packetTypes.stat, stat: statOf(shown(path), node, epoch) }));
    }
    await send(packet.encode({ type: packetTypes.stat }));
  };
  const listed = list();
  listed.catch(() => {});
  for await (const message of call.messages()) {
    const { type, id, data } = packet.decode(message);
    if (type === packetTypes.request) await sendFile(id, files[id], send);
    else if (type === packetTypes.finish) {
      await send(packet.encode({ type: packetTypes.finish }));
      call.finish();
    } else if (type === packetTypes.error)
      throw new Fault("invalid", `error from receiver: ${Buffer.from(data).toString("utf8").slice(0, 4096)}`);
  }
  await listed;
}

async function sendFile(
  id: number,
  file: FileNode | undefined,
  send: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  if (file === undefined) throw new Fault("invalid", `invalid file id ${id}`);
  for (const piece of file.spool.read(file.position, file.size))
    for (let at = 0; at < piece.length; at += dataBytes)
      await send(packet.encode({ type: packetTypes.data, id, data: piece.subarray(at, at + dataBytes) }));
  await send(packet.encode({ type: packetTypes.data, id }));
}

function statOf(path: string, node: TreeNode, epoch: number | undefined): Partial<MessageOf<typeof stat>> {
  const { kind, mode, uid, gid } = node;
  const mtime = epoch === undefined ? node.mtime : { seconds: epoch, nanoseconds: 0 };
  return {
    path,
    mode: toGoMode(kind, mode),
    uid,
    gid,
    size: kind === "file" ? node.size : 0,
    modTime: BigInt(mtime.seconds) * 1_000_000_000n + BigInt(mtime.nanoseconds),
    linkname: kind === "symlink" ? shown(node.target) : "",
  };
}
