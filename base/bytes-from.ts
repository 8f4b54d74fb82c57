/** What a stream has from `offset` on. */
export async function* bytesFrom<Bytes extends Uint8Array>(
  source: AsyncIterable<Bytes>,
  offset: number,
): AsyncGenerator<Uint8Array> {
  let left = offset;
  for await (const chunk of source) {
    const skipped = Math.min(left, chunk.length);
    left -= skipped;
    if (skipped < chunk.length) yield chunk.subarray(skipped);
  }
}
