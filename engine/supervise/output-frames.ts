/** Streams of a process, as frames name them. */
export const streamNumber = { stdout: 1, stderr: 2 } as const;

const headerBytes = 8;

/**
 * A frame of a multiplexed stream: the stream's number, three zeros, the length as big-endian uint32, then the payload.
 *
 * @see Docker Engine API v1.51, ContainerAttach, stream format
 */
export function outputFrame(stream: 1 | 2, payload: Buffer): Buffer {
  const header = Buffer.alloc(headerBytes);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** A frame's payload, or as much of it as has come. */
export interface Piece {
  readonly stream: number;
  readonly bytes: Buffer;
}

/** Takes the headers out of a multiplexed stream, however it is cut. Nothing of a payload is held back. */
export class OutputReader {
  #header: Buffer = Buffer.alloc(0);
  #stream = 0;
  #left = 0;

  take(chunk: Buffer): readonly Piece[] {
    const pieces: Piece[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#left === 0) {
        rest = this.#readHeader(rest);
        continue;
      }
      const bytes = rest.subarray(0, this.#left);
      pieces.push({ stream: this.#stream, bytes });
      this.#left -= bytes.length;
      rest = rest.subarray(bytes.length);
    }
    return pieces;
  }

  #readHeader(bytes: Buffer): Buffer {
    const missing = headerBytes - this.#header.length;
    this.#header = Buffer.concat([this.#header, bytes.subarray(0, missing)]);
    if (this.#header.length === headerBytes) {
      this.#stream = this.#header[0] ?? 0;
      this.#left = this.#header.readUInt32BE(4);
      this.#header = Buffer.alloc(0);
    }
    return bytes.subarray(missing);
  }
}
