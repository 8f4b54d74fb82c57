import { packet, packetTypes } from "#api/buildkit/session.ts";
import { Fault } from "#base/fault.ts";
import type { Method, ServerCall } from "#rpc/methods.ts";
import { type Selection, type WalkedFile, walkFolder } from "./file-walk.ts";

/** What the engine may ask for by a name: a folder here, or files that are only in memory. */
export type SyncSource =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "files"; readonly files: ReadonlyMap<string, Uint8Array> };

export const syncPath = "/moby.filesync.v1.FileSync/DiffCopy";
const dataBytes = 32 << 10;

/**
 * Sends files of folders that the engine asks for by name. Nothing else can be asked for.
 *
 * @see github.com/moby/buildkit, session/filesync/filesync.proto; github.com/tonistiigi/fsutil, send.go
 */
export function syncMethod(sources: ReadonlyMap<string, SyncSource>): Method {
  return async (call) => {
    const [name = ""] = listOf(call, "dir-name");
    const source = sources.get(name);
    if (source === undefined)
      throw new Fault("not-found", `no access allowed to dir ${JSON.stringify(name)}`);
    const selection = {
      include: listOf(call, "include-patterns"),
      exclude: listOf(call, "exclude-patterns"),
      follow: listOf(call, "followpaths"),
    };
    const transfer = new Transfer(call);
    const listed = transfer.list(filesOf(source, selection));
    listed.catch(() => {}); // the answer below is where it is told
    await Promise.all([listed, transfer.answer()]);
  };
}

function filesOf(source: SyncSource, selection: Selection): Iterable<WalkedFile> {
  return source.kind === "folder" ? walkFolder(source.path, selection) : inMemory(source.files, selection);
}

function* inMemory(
  files: ReadonlyMap<string, Uint8Array>,
  { follow, include }: Selection,
): Generator<WalkedFile> {
  const wanted = new Set([...follow, ...include]);
  for (const [path, bytes] of files)
    if (wanted.size === 0 || wanted.has(path))
      yield { stat: { path, mode: 0o644, size: bytes.length }, content: () => [bytes] };
}

/** Texts that are no plain ASCII come as Go's url.QueryEscape writes them. */
function listOf(call: ServerCall, key: string): readonly string[] {
  const values = call.metadataList(key);
  if (call.metadata(`${key}-encoded`) !== "1") return values;
  return values.map((value) => decodeURIComponent(value.replaceAll("+", "%20")));
}

class Transfer {
  readonly #call: ServerCall;
  readonly #contents = new Map<number, () => Iterable<Uint8Array>>();

  constructor(call: ServerCall) {
    this.#call = call;
  }

  async list(files: Iterable<WalkedFile>): Promise<void> {
    let id = 0;
    for (const { stat, content } of files) {
      if (content !== undefined) this.#contents.set(id, content);
      id += 1;
      await this.#call.send(packet.encode({ type: packetTypes.stat, stat }));
    }
    await this.#call.send(packet.encode({ type: packetTypes.stat }));
  }

  async answer(): Promise<void> {
    for await (const message of this.#call.messages) {
      const { type, id, data } = packet.decode(message);
      if (type === packetTypes.request) await this.#send(id);
      else if (type === packetTypes.finish)
        return await this.#call.send(packet.encode({ type: packetTypes.finish }));
      else if (type === packetTypes.error)
        throw new Fault("remote", `error from receiver: ${new TextDecoder().decode(data)}`);
    }
  }

  async #send(id: number): Promise<void> {
    const content = this.#contents.get(id);
    if (content === undefined) throw new Fault("invalid", `invalid file id ${id}`);
    this.#contents.delete(id);
    for (const piece of content())
      for (let at = 0; at < piece.length; at += dataBytes)
        await this.#call.send(
          packet.encode({ type: packetTypes.data, id, data: piece.subarray(at, at + dataBytes) }),
        );
    await this.#call.send(packet.encode({ type: packetTypes.data, id }));
  }
}
