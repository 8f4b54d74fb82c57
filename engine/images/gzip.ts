import { constants, crc32, deflateRaw } from "node:zlib";
import { promisify } from "node:util";

const compress = promisify(deflateRaw);
/** Each is compressed by itself, so that several are at once; it loses next to nothing against one after the other. */
const blockBytes = 1024 * 1024;
/** As many as the thread pool has threads. */
const atOnce = 4;
/** Nearly twice as fast as what most take, for two in a hundred bytes more. */
const usualLevel = 4;
/** Deflate, no name, no time, an unknown system: the same bytes always. @see RFC 1952, section 2.3 */
const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
/** An empty block that is the last one. @see RFC 1951, section 3.2.3 */
const lastBlock = Buffer.from([3, 0]);

/** The stream as one gzip member. The same bytes give the same result, however they come in pieces. */
export async function* gzipped(
  source: AsyncIterable<Uint8Array>,
  level = usualLevel,
): AsyncGenerator<Buffer> {
  const running: Promise<Buffer>[] = [];
  let [crc, size] = [0, 0];
  yield header;
  try {
    for await (const block of blocksOf(source)) {
      crc = crc32(block, crc);
      size += block.length;
      running.push(compress(block, { level, finishFlush: constants.Z_SYNC_FLUSH }));
      if (running.length >= atOnce) yield (await running.shift()) as Buffer;
    }
    while (running.length > 0) yield (await running.shift()) as Buffer;
  } finally {
    await Promise.allSettled(running);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield Buffer.concat([lastBlock, trailer]);
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
