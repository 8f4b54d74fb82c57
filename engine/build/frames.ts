import type { Readable } from "node:stream";

const headerBytes = 8;
const stderr = 2;

/**
 * The output of a process as its shim frames it, piece by piece. Nothing is read while a piece is dealt with, so a slow reader
 * slows the process down instead of filling memory.
 */
export async function readFrames(
  socket: Readable,
  take: (text: Buffer, isError: boolean) => Promise<void>,
): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    for (;;) {
      if (rest.length < headerBytes) break;
      const end = headerBytes + rest.readUInt32BE(4);
      if (rest.length < end) break;
      await take(rest.subarray(headerBytes, end), rest[0] === stderr);
      rest = rest.subarray(end);
    }
  }
}
