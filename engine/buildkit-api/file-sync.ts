import { createHash, type Hash } from "node:crypto";
import { packet, packetTypes, type stat } from "#api/buildkit/session.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { Fault } from "#base/fault.ts";
import type { KeptContent, KeptContext, ListedFile } from "#engine/build/files/kept-contexts.ts";
import { emptyFolder, type FolderNode, type TreeNode } from "#engine/build/files/tree.ts";
import { byteText } from "#engine/snapshots/rooted/paths.ts";
import type { ClientCall } from "#rpc/rpc-client.ts";
import type { Session } from "./sessions.ts";
import { fromGoMode } from "#api/buildkit/go-mode.ts";

type Stat = Partial<MessageOf<typeof stat>>;

export interface SyncRequest {
  /** Of the client's folder, e.g. `context`. */
  readonly name: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  /** Only these paths, and what links among them lead to. */
  readonly follow?: readonly string[];
}

const maxEntries = 500_000;
const maxPathBytes = 4096;
const maxLevels = 1000;
export const syncMethod = "/moby.filesync.v1.FileSync/DiffCopy";

/**
 * Takes files of the client into a tree. Those that are kept from the last time, as they are now, are not sent again.
 *
 * @param moved gets the bytes that came so far
 * @throws {Fault} `invalid` for what leads out of the folder or makes no sense; what the client says when it refuses
 * @see github.com/tonistiigi/fsutil, send.go, receive.go
 */
export async function syncFiles(
  { client }: Session,
  request: SyncRequest,
  kept: KeptContext,
  moved: (bytes: number) => void,
  signal: AbortSignal,
): Promise<FolderNode> {
  using call = client.open(syncMethod, metadataOf(request), signal);
  const receiver = new Receiver(call, kept);
  let bytes = 0;
  for await (const message of call.messages()) {
    bytes += message.length;
    moved(bytes);
    if (await receiver.take(message)) call.finish();
  }
  await kept.keep(receiver.files);
  return receiver.root;
}

function metadataOf({ name, include, exclude, follow }: SyncRequest): Record<string, readonly string[]> {
  const lists = {
    "dir-name": [name],
    "include-patterns": include ?? [],
    "exclude-patterns": exclude ?? [],
    followpaths: follow ?? [],
  };
  const metadata: Record<string, readonly string[]> = {};
  for (const [key, values] of Object.entries(lists)) {
    if (values.length === 0) continue;
    // Headers are ASCII: others are sent as Go's url.QueryEscape writes them, and the client is told.
    const isPlain = values.every((value) => /^[\x20-\x7e]*$/.test(value));
    metadata[key] = isPlain
      ? values
      : values.map((value) => encodeURIComponent(value).replaceAll("%20", "+"));
    if (!isPlain) metadata[`${key}-encoded`] = ["1"];
  }
  return metadata;
}

interface OpenFile {
  readonly parent: FolderNode;
  readonly name: string;
  readonly stat: Stat;
  readonly position: number;
  readonly hash: Hash;
  written: number;
}

/** The receiving end of one transfer. */
class Receiver {
  readonly root = emptyFolder();
  readonly files: (ListedFile & KeptContent)[] = [];
  readonly #call: ClientCall;
  readonly #kept: KeptContext;
  readonly #open = new Map<number, OpenFile>();
  /** Files whose content other names share. */
  readonly #links: { readonly parent: FolderNode; readonly name: string; readonly target: string }[] = [];
  #entries = 0;
  #isListed = false;
  #hasFinished = false;

  constructor(call: ClientCall, kept: KeptContext) {
    this.#call = call;
    this.#kept = kept;
  }

  /** True when the transfer is over. */
  async take(message: Uint8Array): Promise<boolean> {
    const { type, stat, id, data } = packet.decode(message);
    switch (type) {
      case packetTypes.stat:
        if (stat === undefined) this.#isListed = true;
        else await this.#add(stat);
        break;
      case packetTypes.data:
        this.#data(id, data);
        break;
      case packetTypes.finish:
        if (!this.#hasFinished) throw new Fault("invalid", "the client ended its transfer too early");
        return true;
      case packetTypes.error:
        throw new Fault("invalid", `error from sender: ${Buffer.from(data).toString("utf8").slice(0, 4096)}`);
      default:
        throw new Fault("invalid", `unknown packet ${type} in a transfer of files`);
    }
    await this.#finishWhenDone();
    return false;
  }

  async #finishWhenDone(): Promise<void> {
    if (!this.#isListed || this.#open.size > 0 || this.#hasFinished) return;
    this.#hasFinished = true;
    for (const { parent, name, target } of this.#links) {
      const node = find(this.root, target);
      if (node === undefined || node.kind === "folder")
        throw new Fault("invalid", `${name}: a hard link to ${target}, which is no file here`);
      parent.children.set(name, node);
    }
    await this.#call.send(packet.encode({ type: packetTypes.finish }));
  }

  async #add(stat: Stat): Promise<void> {
    const id = this.#entries++;
    if (id >= maxEntries) throw new Fault("invalid", `more than ${maxEntries} files`);
    if (this.#isListed) throw new Fault("invalid", "the client lists a file after the last one");
    const { parent, name } = this.#place(stat.path ?? "");
    const { kind, mode } = fromGoMode(stat.mode ?? 0);
    const attributes = { ...attributesOf(stat), mode };
    switch (kind) {
      case "folder":
        parent.children.set(name, { kind, ...attributes, children: new Map() });
        return;
      case "symlink":
        parent.children.set(name, { kind, ...attributes, target: byteText(stat.linkname ?? "") });
        return;
      case "fifo":
        parent.children.set(name, { kind, ...attributes });
        return;
      case "file":
        if ((stat.linkname ?? "") !== "")
          this.#links.push({ parent, name, target: byteText(stat.linkname ?? "") });
        else return await this.#request(id, parent, name, stat);
        // A hard link has an ID too, and nothing is asked for by it.
        return;
      case "other":
        return;
      default:
        return kind satisfies never;
    }
  }

  async #request(id: number, parent: FolderNode, name: string, stat: Stat): Promise<void> {
    const size = stat.size ?? 0;
    if (size < 0 || !Number.isSafeInteger(size)) throw new Fault("invalid", `${stat.path}: invalid size`);
    const known = this.#kept.find(listed(stat));
    if (known !== undefined) return this.#put(parent, name, stat, known, size);
    const position = this.#kept.spool.reserve(size);
    this.#open.set(id, { parent, name, stat, position, hash: createHash("sha256"), written: 0 });
    await this.#call.send(packet.encode({ type: packetTypes.request, id }));
  }

  #data(id: number, data: Uint8Array): void {
    const open = this.#open.get(id);
    if (open === undefined) throw new Fault("invalid", `data of a file that was not asked for`);
    if (data.length === 0) return this.#close(id, open);
    // A file that grows while it is read counts as long as it was.
    const taken = data.subarray(0, (open.stat.size ?? 0) - open.written);
    open.hash.update(taken);
    this.#kept.spool.write(open.position + open.written, taken);
    open.written += taken.length;
  }

  #close(id: number, { parent, name, stat, position, hash, written }: OpenFile): void {
    this.#open.delete(id);
    this.#put(parent, name, stat, { spool: this.#kept.spool, position, sha256: hash.digest("hex") }, written);
  }

  #put(parent: FolderNode, name: string, stat: Stat, content: KeptContent, size: number): void {
    const { mode } = fromGoMode(stat.mode ?? 0);
    parent.children.set(name, { kind: "file", ...attributesOf(stat), mode, size, ...content });
    const isWhole = size === (stat.size ?? 0) && (stat.xattrs?.size ?? 0) === 0;
    if (isWhole) this.files.push({ ...listed(stat), ...content });
  }

  /** Folders come before what is in them. */
  #place(path: string): { readonly parent: FolderNode; readonly name: string } {
    const parts = byteText(path).split("/");
    const isSound =
      path.length <= maxPathBytes &&
      parts.length <= maxLevels &&
      !path.includes("\0") &&
      parts.every((part) => part !== "" && part !== "." && part !== "..");
    if (!isSound) throw new Fault("invalid", `invalid path in a transfer of files: ${path.slice(0, 200)}`);
    const name = parts.pop() ?? "";
    let parent = this.root;
    for (const part of parts) {
      const next = parent.children.get(part);
      if (next?.kind !== "folder")
        throw new Fault("invalid", `${path.slice(0, 200)}: its folder was not listed`);
      parent = next;
    }
    return { parent, name };
  }
}

function listed({ path = "", mode = 0, uid = 0, gid = 0, size = 0, modTime = 0n }: Stat): ListedFile {
  return { path, mode, uid, gid, size, mtime: modTime };
}

function attributesOf({ uid = 0, gid = 0, modTime = 0n, xattrs = new Map() }: Stat) {
  const seconds = modTime / 1_000_000_000n;
  const nanoseconds = Number(modTime - seconds * 1_000_000_000n);
  const mtime =
    nanoseconds < 0
      ? { seconds: Number(seconds) - 1, nanoseconds: nanoseconds + 1_000_000_000 }
      : { seconds: Number(seconds), nanoseconds };
  const kept = [...xattrs].filter(([name]) => name === "security.capability" || name.startsWith("user."));
  return { uid, gid, mtime, ...(kept.length > 0 && { xattrs: new Map(kept) }) };
}

function find(root: FolderNode, path: string): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const part of path.split("/")) node = node?.kind === "folder" ? node.children.get(part) : undefined;
  return node;
}
