import { spawn } from "node:child_process";
import { createReadStream, readSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { Fault } from "#base/fault.ts";
import type { Growth } from "./growth.ts";
import { Gunzip } from "./gunzip.ts";
import { codeOf } from "./paths.ts";

/** Gives the archive, decompressed, piece by piece. */
export interface Source {
  pump(consume: (chunk: Uint8Array) => void): Promise<void>;
}

const plainBytes = 1 << 20;
/** Short: on a machine with other work a thread that often sleeps gets its turn sooner, which is a third of the time. */
const outputBytes = 1 << 16;
const inputBytes = 1 << 16;
const headBytes = 512;
const gzipMagic = [0x1f, 0x8b];
/** A few pieces may lie ready: libuv's thread decompresses while this one writes files. */
const ahead = { chunkSize: outputBytes, readableObjectMode: true, readableHighWaterMark: 8 };
/** Below this much output nothing counts as a bomb; beyond, no more than this many times the input. */
const bombFloor = 256 << 20;
const bombRatio = 1000;

/**
 * Opens a stream that is plain, gzip or zstd, and with `tools` bzip2 or xz as well; what its first bytes say decides. The tools
 * are the host's and are started here: call this before the process is locked into a root. `isHashed`: who pumps compares a digest of all.
 */
export function openSource(
  fd: number,
  options: { readonly tools: boolean; readonly isHashed: boolean },
): Source {
  const head = readHead(fd);
  const gunzipping = openGunzip(head, chunksOf(fd, head, plainBytes), options);
  if (gunzipping !== undefined) return gunzipping;
  const decoder = decoderFor(head);
  if (decoder !== undefined) return inflating(withHead(head, streamOf(fd)), decoder);
  if (options.tools && startsWith(head, [0x42, 0x5a, 0x68])) return throughTool("bzip2", fd, head);
  if (options.tools && startsWith(head, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]))
    return throughTool("xz", fd, head);
  return {
    pump(consume) {
      for (const chunk of chunksOf(fd, head, plainBytes)) consume(chunk);
      return Promise.resolve();
    },
  };
}

/** Opens a file that is still coming, plain, gzip or zstd: resolves when its beginning tells which. */
export async function openArriving(
  fd: number,
  growth: Growth,
  { job, size }: { readonly job: number; readonly size: number },
): Promise<Source> {
  const chunks = growth.chunks(job, fd, size, inputBytes);
  const first: Buffer[] = [];
  for (let length = 0; length < headBytes; ) {
    const next = await chunks.next();
    if (next.done === true) break;
    first.push(Buffer.from(next.value));
    length += next.value.length;
  }
  const head = Buffer.concat(first);
  const whole = withHead(head, chunks);
  const gunzipping = openGunzip(head, whole, { isHashed: true });
  if (gunzipping !== undefined) return gunzipping;
  const decoder = decoderFor(head);
  if (decoder !== undefined) return inflating(copied(whole), decoder);
  return {
    async pump(consume) {
      for await (const chunk of whole) consume(chunk);
    },
  };
}

/** Undefined for what is no gzip, and where ISA-L is not installed: it takes half of zlib's time. */
function openGunzip(
  head: Buffer,
  whole: Iterable<Buffer> | AsyncIterable<Buffer>,
  options: { readonly isHashed: boolean },
): Source | undefined {
  if (!startsWith(head, gzipMagic)) return undefined;
  let consume: (chunk: Uint8Array) => void = () => {};
  let [input, output] = [0, 0];
  const gunzip = Gunzip.open((chunk) => {
    output += chunk.length;
    checkBomb(output, input);
    consume(chunk);
  }, options);
  if (gunzip === undefined) return undefined;
  return {
    async pump(consumer) {
      consume = consumer;
      for await (const chunk of whole) {
        input += chunk.length;
        gunzip.write(chunk);
      }
      gunzip.end();
    },
  };
}

function checkBomb(output: number, input: number): void {
  if (output > bombFloor && output > bombRatio * input)
    throw new Fault("invalid", `archive expands more than ${bombRatio} times`);
}

type CreateDecoder = () => NodeJS.ReadWriteStream & { readonly bytesWritten: number };

function decoderFor(head: Buffer): CreateDecoder | undefined {
  if (startsWith(head, gzipMagic)) return () => createGunzip({ ...ahead });
  if (startsWith(head, [0x28, 0xb5, 0x2f, 0xfd]) || isSkippableFrame(head))
    return () => createZstdDecompress({ ...ahead });
  return undefined;
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}

/** zstd files may begin with one; its last three magic bytes are these. */
function isSkippableFrame(head: Uint8Array): boolean {
  return ((head[0] ?? 0) & 0xf0) === 0x50 && startsWith(head.subarray(1), [0x2a, 0x4d, 0x18]);
}

function readHead(fd: number): Buffer {
  const head = Buffer.alloc(headBytes);
  let length = 0;
  while (length < head.length) {
    const read = readSync(fd, head, length, head.length - length, null);
    if (read === 0) break;
    length += read;
  }
  return head.subarray(0, length);
}

/** The chunks share one buffer. */
function* chunksOf(fd: number, head: Buffer, size: number): Generator<Buffer> {
  if (head.length > 0) yield head;
  const buffer = Buffer.allocUnsafe(size);
  for (;;) {
    const read = readSync(fd, buffer, 0, size, null);
    if (read === 0) return;
    yield buffer.subarray(0, read);
  }
}

function streamOf(fd: number): Readable {
  return createReadStream("", { fd, autoClose: false, highWaterMark: inputBytes });
}

function inflating(whole: AsyncIterable<Buffer>, createDecoder: CreateDecoder): Source {
  return {
    async pump(consume) {
      const decoder = createDecoder();
      const input = Readable.from(whole, { objectMode: false });
      let output = 0;
      const drain = async (chunks: AsyncIterable<Uint8Array>) => {
        for await (const chunk of chunks) {
          output += chunk.length;
          checkBomb(output, decoder.bytesWritten);
          consume(chunk);
        }
      };
      try {
        await pipeline(input, decoder, drain);
      } catch (error) {
        throw asInvalid(error);
      }
    },
  };
}

/** For who reads ahead. */
async function* copied(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}

async function* withHead(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

/** What zlib complains about is the archive's fault. */
function asInvalid(error: unknown): unknown {
  const code = codeOf(error);
  if (code === "Z_BUF_ERROR") return new Fault("invalid", "unexpected EOF", { cause: error });
  if (code?.startsWith("Z_") || code?.startsWith("ZSTD_"))
    return new Fault("invalid", `archive cannot be decompressed: ${(error as Error).message}`, {
      cause: error,
    });
  return error;
}

function throughTool(tool: "bzip2" | "xz", fd: number, head: Buffer): Source {
  const child = spawn(tool, ["-dc"], { stdio: ["pipe", "pipe", "ignore"], env: { PATH: "/usr/bin:/bin" } });
  const exit = new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    child.once("close", resolve);
  });
  return {
    async pump(consume) {
      // A tool that gives up closes its end; what it was given then does not matter.
      const fed = pipeline(
        Readable.from(withHead(head, streamOf(fd)), { objectMode: false }),
        child.stdin,
      ).catch(() => {});
      for await (const chunk of child.stdout) consume(chunk as Uint8Array);
      const code = await exit;
      if (code === null)
        throw new Fault("invalid", `archive is compressed with ${tool}, which is not installed`);
      if (code !== 0) throw new Fault("invalid", `archive cannot be decompressed by ${tool}`);
      await fed;
    },
  };
}
