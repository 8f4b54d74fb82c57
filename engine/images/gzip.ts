import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { constants, crc32, deflateRaw } from "node:zlib";
import { Slots } from "#base/slots.ts";
import { hasIgzip, throughIgzip } from "./igzip.ts";

const compress = promisify(deflateRaw);
/** Each is compressed by itself, so that several are at once; what came before it is its dictionary, so nothing is lost by that. */
const blockBytes = 128 * 1024;
/** As far as deflate looks back. */
const dictionaryBytes = 32 * 1024;
/** Of one stream, under way and done. */
const blocksAhead = 12;
/** Of all streams: some of the thread pool's four threads stay free for files. */
const threads = new Slots(Math.min(Math.max(availableParallelism(), 1), 3));
/** A fifth less time than the next but one, for three in a hundred bytes more. */
const usualLevel = 1;
/** What nearly every block becomes fits into one piece. */
const chunkSize = 80 * 1024;
/** Up to here a process would take longer to start. */
const shortBytes = 1024 * 1024;
/** Deflate, no name, no time, an unknown system: the same bytes always. @see RFC 1952, section 2.3 */
const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
/** An empty block that is the last one. @see RFC 1951, section 3.2.3 */
const lastBlock = Buffer.from([3, 0]);

/**
 * The stream as one gzip member. The same bytes give the same result, however they come in pieces, for as long as the host has the
 * same programs. Without a level whatever is fastest is used.
 */
export async function* gzipped(source: AsyncIterable<Uint8Array>, level?: number): AsyncGenerator<Buffer> {
  if (level !== undefined || !hasIgzip()) return yield* inBlocks(source, level ?? usualLevel);
  const { isLong, whole } = await lookAhead(source);
  yield* isLong ? throughIgzip(whole) : inBlocks(whole, usualLevel);
}

/** Whether the stream is worth a process. */
async function lookAhead(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly isLong: boolean; readonly whole: AsyncGenerator<Uint8Array> }> {
  const chunks = source[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let size = 0;
  let next = await chunks.next();
  for (; next.done !== true && size < shortBytes; next = await chunks.next()) {
    head.push(next.value);
    size += next.value.length;
  }
  async function* whole() {
    try {
      yield* head.splice(0);
      for (; next.done !== true; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.();
    }
  }
  return { isLong: size >= shortBytes, whole: whole() };
}

async function* inBlocks(source: AsyncIterable<Uint8Array>, level: number): AsyncGenerator<Buffer> {
  const running: Promise<Buffer>[] = [];
  const over = new AbortController();
  let [crc, size] = [0, 0];
  let before: Uint8Array | undefined;
  yield header;
  try {
    for await (const block of blocksOf(source)) {
      crc = crc32(block, crc);
      size += block.length;
      const dictionary = before?.subarray(-dictionaryBytes);
      running.push(compressed(block, { level, ...(dictionary && { dictionary }) }, over.signal));
      before = block;
      if (running.length >= blocksAhead) yield (await running.shift()) as Buffer;
    }
    while (running.length > 0) yield (await running.shift()) as Buffer;
  } finally {
    over.abort();
    await Promise.allSettled(running);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield Buffer.concat([lastBlock, trailer]);
}

async function compressed(
  block: Uint8Array,
  options: { readonly level: number; readonly dictionary?: Uint8Array },
  signal: AbortSignal,
): Promise<Buffer> {
  const finishFlush = constants.Z_SYNC_FLUSH;
  return await threads.run(() => compress(block, { ...options, finishFlush, chunkSize }), signal);
}

async function* blocksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + blockBytes - size);
      pieces.push(piece);
      size += piece.length;
      at += piece.length;
      if (size < blockBytes) continue;
      yield pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
      pieces = [];
      size = 0;
    }
  }
  if (size > 0) yield Buffer.concat(pieces);
}
