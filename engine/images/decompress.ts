import { spawn } from "node:child_process";
import { pipeline, Readable, type Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { Fault, isFault, messageOf } from "#base/fault.ts";

export type Compression = "none" | "gzip" | "zstd" | "bzip2" | "xz";

const MAGIC_BYTES = 6;
const CHUNK_BYTES = 256 * 1024;
/** Below this much output nothing counts as a bomb; beyond, no more than so many times the input. */
const BOMB_FLOOR_BYTES = 1024 * 1024 * 1024;
const BOMB_RATIO = 500;

const magics: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

/** By the first bytes of a stream. */
export function compressionOf(head: Uint8Array): Compression {
  const found = magics.find(([, magic]) => magic.every((byte, index) => head[index] === byte));
  return found?.[0] ?? "none";
}

/**
 * The stream without its compression, which its first bytes tell; a plain one is passed on as it is. Ending the iteration early
 * ends the decompression and the source.
 *
 * @throws {Fault} `invalid` for broken data; `precondition` when bzip2 or xz is not installed; the source's own errors as they are
 */
export async function* decompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, whole } = await peek(source[Symbol.asyncIterator]());
  const compression = compressionOf(head);
  switch (compression) {
    case "none":
      return yield* whole;
    case "gzip":
      return yield* byTransform(createGunzip({ chunkSize: CHUNK_BYTES }), whole, compression);
    case "zstd":
      return yield* byTransform(createZstdDecompress({ chunkSize: CHUNK_BYTES }), whole, compression);
    case "bzip2":
    case "xz":
      return yield* byTool(compression, whole);
    default:
      return compression satisfies never;
  }
}

async function peek(
  iterator: AsyncIterator<Uint8Array>,
): Promise<{ readonly head: Uint8Array; readonly whole: AsyncGenerator<Uint8Array> }> {
  const first: Uint8Array[] = [];
  for (let length = 0; length < MAGIC_BYTES; ) {
    const next = await iterator.next();
    if (next.done === true) break;
    first.push(next.value);
    length += next.value.length;
  }
  const whole = (async function* () {
    try {
      yield* first;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
        yield next.value;
    } finally {
      await iterator.return?.();
    }
  })();
  return { head: Buffer.concat(first).subarray(0, MAGIC_BYTES), whole };
}

async function* byTransform(
  inflate: Transform,
  source: AsyncGenerator<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array> {
  const watched = watch(source);
  pipeline(watched.readable, inflate, () => {}); // an error destroys both, and the loop below meets it
  try {
    let size = 0;
    for await (const chunk of inflate) {
      size += (chunk as Uint8Array).length;
      if (size > BOMB_FLOOR_BYTES && size > BOMB_RATIO * watched.bytes())
        throw new Fault("invalid", `archive expands more than ${BOMB_RATIO} times`);
      yield chunk as Uint8Array;
    }
  } catch (error) {
    watched.throwIfFailed();
    if (isFault(error)) throw error;
    throw new Fault("invalid", `${compression}: ${messageOf(error)}`, { cause: error });
  } finally {
    inflate.destroy();
  }
}

/** The host's own tool, because Node has none for these. Nothing of the archive reaches its command line. */
async function* byTool(tool: "bzip2" | "xz", source: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const child = spawn(tool, ["-dc"], { stdio: ["pipe", "pipe", "pipe"] });
  const { promise: closed, resolve } = Promise.withResolvers<number | Error | null>();
  child.on("error", resolve).on("close", resolve);
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(0, 500);
  });
  const watched = watch(source);
  pipeline(watched.readable, child.stdin, () => {}); // the tool's exit status says what a broken pipe means
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array;
    const outcome = await closed;
    watched.throwIfFailed();
    if (outcome instanceof Error)
      throw new Fault("precondition", `cannot read ${tool} archives: ${tool} is not installed`, {
        cause: outcome,
      });
    if (outcome !== 0) throw new Fault("invalid", complaint.trim() || `${tool}: exit status ${outcome}`);
  } finally {
    child.kill("SIGKILL");
    await closed;
  }
}

function watch(source: AsyncGenerator<Uint8Array>): {
  readonly readable: Readable;
  /** Read so far. */
  readonly bytes: () => number;
  readonly throwIfFailed: () => void;
} {
  let bytes = 0;
  let failure: { readonly error: unknown } | undefined;
  const readable = Readable.from(
    (async function* () {
      try {
        for await (const chunk of source) {
          bytes += chunk.length;
          yield chunk;
        }
      } catch (error) {
        failure = { error };
        throw error;
      }
    })(),
    { objectMode: false },
  );
  return {
    readable,
    bytes: () => bytes,
    throwIfFailed: () => {
      if (failure !== undefined) throw failure.error;
    },
  };
}
