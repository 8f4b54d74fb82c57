/** A frame of the shim protocol: little-endian uint32 length, then fields each ended by a NUL. @see docs/formats/shim-protocol.md */
export function encodeFrame(fields: readonly string[]): Buffer {
  const payload = Buffer.from(`${fields.join("\0")}\0`);
  const frame = Buffer.allocUnsafe(4 + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  payload.copy(frame, 4);
  return frame;
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that are whole with these bytes. */
  push(bytes: Buffer): readonly (readonly string[])[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const frames: (readonly string[])[] = [];
    for (let frame = this.take(); frame !== undefined; frame = this.take()) frames.push(frame);
    return frames;
  }

  /** The next whole frame of what was pushed. */
  take(bytes?: Buffer): readonly string[] | undefined {
    if (bytes !== undefined) this.#rest = Buffer.concat([this.#rest, bytes]);
    if (this.#rest.length < 4) return undefined;
    const end = 4 + this.#rest.readUInt32LE(0);
    if (this.#rest.length < end) return undefined;
    const fields = this.#rest.toString("utf8", 4, end - 1).split("\0");
    this.#rest = this.#rest.subarray(end);
    return fields;
  }

  /** What follows the last frame taken. */
  get rest(): Buffer {
    return this.#rest;
  }
}
