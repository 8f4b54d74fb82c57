import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  createWriteStream,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { bytesMessage, packet, packetTypes, type stat } from "#api/buildkit/session.ts";
import { fromGoMode } from "#api/buildkit/go-mode.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { Fault } from "#base/fault.ts";
import type { Method, ServerCall } from "#rpc/methods.ts";

type Stat = Partial<MessageOf<typeof stat>>;

/** Where a result goes on this machine. */
export type Destination = Received | Layout;

/** A folder with an OCI layout, which the engine puts blobs into. */
export interface Layout {
  readonly kind: "layout";
  readonly path: string;
}

/** What the engine sends goes there. */
export type Received =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "stdout" };

export const sendPath = "/moby.filesync.v1.FileSend/DiffCopy";

/**
 * Takes results that the engine sends, each by the number of its exporter.
 *
 * @see github.com/moby/buildkit, session/filesync/filesync.proto, service FileSend
 */
export function receiveMethod(destinations: ReadonlyMap<string, Received>): Method {
  return async (call) => {
    const id = call.metadata("buildkit-attachable-exporter-id") || "0";
    const destination = destinations.get(id);
    if (destination === undefined) throw new Fault("not-found", `no destination for exporter ${id}`);
    call.open({});
    if (destination.kind === "folder") await new FolderReceiver(call, destination.path).run();
    else await receiveBytes(call, destination);
  };
}

/** The file is whole, or it is not there. */
async function receiveBytes(
  call: ServerCall,
  destination: Exclude<Received, { kind: "folder" }>,
): Promise<void> {
  const { kind } = destination;
  const stream =
    kind === "stdout"
      ? createWriteStream("", { fd: 1, autoClose: false })
      : createWriteStream(destination.path);
  let failure: Error | undefined;
  stream.on("error", (error) => {
    failure ??= error;
  });
  try {
    for await (const message of call.messages) {
      if (failure !== undefined) throw failure;
      if (!stream.write(bytesMessage.decode(message).data))
        await once(stream, "drain", { signal: call.signal });
    }
    stream.end();
    await once(stream, "finish");
  } catch (error) {
    stream.destroy();
    if (kind === "file") rmSync(destination.path, { force: true });
    throw error;
  }
}

/** A tree of files that comes as fsutil sends it. Nothing goes outside the folder, and nothing through a link that is in the way. */
class FolderReceiver {
  readonly #call: ServerCall;
  readonly #folder: string;
  readonly #stats: Stat[] = [];
  readonly #open = new Map<number, number>();
  readonly #later: (() => void)[] = [];
  /** Folders of this transfer: what was here before is not gone through. */
  readonly #folders = new Set([""]);
  #isListed = false;
  #hasFinished = false;

  constructor(call: ServerCall, folder: string) {
    this.#call = call;
    this.#folder = folder;
  }

  async run(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    try {
      for await (const message of this.#call.messages) {
        const { type, stat, id, data } = packet.decode(message);
        if (type === packetTypes.stat && stat !== undefined) await this.#add(stat);
        else if (type === packetTypes.stat) this.#isListed = true;
        else if (type === packetTypes.data) this.#data(id, data);
        else if (type === packetTypes.finish) break;
        else if (type === packetTypes.error)
          throw new Fault("remote", `error from sender: ${new TextDecoder().decode(data)}`);
        await this.#finishWhenDone();
      }
    } finally {
      for (const file of this.#open.values()) closeSync(file);
    }
  }

  async #finishWhenDone(): Promise<void> {
    if (!this.#isListed || this.#open.size > 0 || this.#hasFinished) return;
    this.#hasFinished = true;
    for (const act of this.#later.reverse()) act();
    await this.#call.send(packet.encode({ type: packetTypes.finish }));
  }

  async #add(stat: Stat): Promise<void> {
    const id = this.#stats.push(stat) - 1;
    const path = this.#place(stat.path ?? "");
    const { kind } = fromGoMode(stat.mode ?? 0);
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there !== undefined && !(kind === "folder" && there.isDirectory()))
      rmSync(path, { recursive: true, force: true });
    this.#folders.delete(stat.path ?? "");
    if (kind === "folder") {
      this.#folders.add(stat.path ?? "");
      if (there?.isDirectory() !== true) mkdirSync(path);
      this.#later.push(() => setAttributes(path, stat));
    } else if (kind === "symlink") symlinkSync(stat.linkname ?? "", path);
    else if (kind === "file" && (stat.linkname ?? "") !== "")
      this.#later.push(() => linkSync(this.#place(stat.linkname ?? ""), path));
    else if (kind === "file") {
      this.#open.set(id, openSync(path, "wx", 0o600));
      await this.#call.send(packet.encode({ type: packetTypes.request, id }));
    }
  }

  #data(id: number, data: Uint8Array): void {
    const file = this.#open.get(id);
    if (file === undefined) throw new Fault("invalid", "data of a file that was not asked for");
    for (let at = 0; at < data.length; ) at += writeSync(file, data, at);
    if (data.length > 0) return;
    closeSync(file);
    this.#open.delete(id);
    const stat = this.#stats[id] ?? {};
    setAttributes(this.#place(stat.path ?? ""), stat);
  }

  #place(path: string): string {
    const parts = path.split("/");
    if (
      path === "" ||
      path.includes("\0") ||
      parts.some((part) => part === "" || part === "." || part === "..")
    )
      throw new Fault(
        "invalid",
        `invalid path in a transfer of files: ${JSON.stringify(path.slice(0, 200))}`,
      );
    if (!this.#folders.has(parts.slice(0, -1).join("/")))
      throw new Fault("invalid", `${path.slice(0, 200)}: its folder was not listed`);
    return `${this.#folder}/${path}`;
  }
}

function setAttributes(path: string, { mode = 0, modTime = 0n }: Stat): void {
  chmodSync(path, fromGoMode(mode).mode);
  const seconds = Number(modTime) / 1e9;
  lutimesSync(path, seconds, seconds);
}
