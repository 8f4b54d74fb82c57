import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import {
  infoRequest,
  infoResponse,
  readContentRequest,
  readContentResponse,
  writeActions,
  writeContentRequest,
  writeContentResponse,
} from "#api/buildkit/content.ts";
import { Fault } from "#base/fault.ts";
import { type Method, type Methods, type ServerCall, unary } from "#rpc/methods.ts";

const service = "/containerd.services.content.v1.Content";
const pieceBytes = 1 << 20;

/**
 * Folders with an OCI layout, for caches that are kept here: the engine reads and writes their blobs, and nothing else.
 *
 * @param stores folders by the name that the engine has for them
 * @see github.com/containerd/containerd, api/services/content/v1/content.proto
 */
export function contentMethods(stores: ReadonlyMap<string, string>): Methods {
  const folderOf = (call: ServerCall) => {
    const folder = stores.get(call.metadata("buildkit-attachable-store-id"));
    if (folder === undefined) throw new Fault("not-found", "no such content store");
    return folder;
  };
  return new Map<string, Method>([
    [
      `${service}/Info`,
      unary(infoRequest, infoResponse, ({ digest }, call) => ({
        info: { digest, size: statSync(existing(folderOf(call), digest)).size },
      })),
    ],
    [`${service}/Read`, async (call) => await read(call, folderOf(call))],
    [`${service}/Write`, async (call) => await write(call, folderOf(call))],
  ]);
}

/** @throws {Fault} `invalid` for what is no digest */
function placeOf(folder: string, digest: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (hex === undefined) throw new Fault("invalid", `invalid digest ${digest.slice(0, 200)}`);
  return join(folder, "blobs/sha256", hex);
}

function existing(folder: string, digest: string): string {
  const place = placeOf(folder, digest);
  if (!existsSync(place)) throw new Fault("not-found", `content ${digest}: not found`);
  return place;
}

async function read(call: ServerCall, folder: string): Promise<void> {
  for await (const message of call.messages) {
    const { digest, offset, size } = readContentRequest.decode(message);
    const file = openSync(existing(folder, digest), "r");
    try {
      const end = size === 0 ? Infinity : offset + size;
      for (let at = offset; at < end; ) {
        const piece = Buffer.allocUnsafe(Math.min(pieceBytes, end - at));
        const count = readSync(file, piece, 0, piece.length, at);
        if (count === 0) break;
        await call.send(readContentResponse.encode({ offset: BigInt(at), data: piece.subarray(0, count) }));
        at += count;
      }
    } finally {
      closeSync(file);
    }
    return;
  }
}

/** A blob is there whole and verified, or not at all. */
async function write(call: ServerCall, folder: string): Promise<void> {
  let blob: IncomingBlob | undefined;
  try {
    for await (const message of call.messages) {
      const { action, expected, total, offset, data } = writeContentRequest.decode(message);
      if (blob === undefined) {
        if (expected !== "" && existsSync(placeOf(folder, expected)))
          throw new Fault("already-exists", `content ${expected}: already exists`);
        blob = new IncomingBlob(folder);
      }
      if (data.length > 0) blob.add(offset, data);
      const digest = action === writeActions.commit ? blob.commit(expected, total) : "";
      await call.send(writeContentResponse.encode({ action, offset: blob.size, total, digest }));
      if (digest !== "") return;
    }
  } finally {
    blob?.[Symbol.dispose]();
  }
}

class IncomingBlob implements Disposable {
  readonly #folder: string;
  readonly #temporary: string;
  readonly #file: number;
  readonly #hash = createHash("sha256");
  size = 0;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
    this.#temporary = mkdtempSync(join(folder, "ingest-"));
    this.#file = openSync(join(this.#temporary, "data"), "wx", 0o644);
  }

  add(offset: number, data: Uint8Array): void {
    if (offset !== this.size)
      throw new Fault("invalid", `unexpected offset ${offset}, expected ${this.size}`);
    for (let at = 0; at < data.length; ) at += writeSync(this.#file, data, at);
    this.#hash.update(data);
    this.size += data.length;
  }

  /** @throws {Fault} `precondition` when it is not what was expected */
  commit(expected: string, total: number): string {
    const digest = `sha256:${this.#hash.digest("hex")}`;
    if (total !== 0 && total !== this.size)
      throw new Fault("precondition", `unexpected commit size ${this.size}, expected ${total}`);
    if (expected !== "" && expected !== digest)
      throw new Fault("precondition", `unexpected commit digest ${digest}, expected ${expected}`);
    fsyncSync(this.#file);
    renameSync(join(this.#temporary, "data"), placeOf(this.#folder, digest));
    return digest;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
    rmSync(this.#temporary, { recursive: true, force: true });
  }
}
