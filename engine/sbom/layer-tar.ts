import { pipeline } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { Fault, messageOf } from "#base/fault.ts";

const chunkBytes = { chunkSize: 256 * 1024 };

/**
 * A layer's tar without its compression, gzip, zstd or none, which its first bytes tell. Ending early ends the source.
 *
 * @throws {Fault} `invalid` for broken data
 */
export async function* layerTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) return;
  const whole = (async function* () {
    try {
      yield first.value;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
        yield next.value;
    } finally {
      await iterator.return?.();
    }
  })();
  const inflate = decompressorOf(first.value);
  if (inflate === undefined) return yield* whole;
  pipeline(whole, inflate, () => {}); // an error destroys both, and the loop below meets it
  try {
    for await (const chunk of inflate) yield chunk as Uint8Array;
  } catch (error) {
    throw new Fault("invalid", `broken layer: ${messageOf(error)}`, { cause: error });
  } finally {
    inflate.destroy();
  }
}

function decompressorOf(head: Uint8Array) {
  if (head[0] === 0x1f && head[1] === 0x8b) return createGunzip(chunkBytes);
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd)
    return createZstdDecompress(chunkBytes);
  return undefined;
}
