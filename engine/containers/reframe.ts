import { Transform, type TransformCallback } from "node:stream";

const headerBytes = 8;
const stdoutKind = 1;

/** Puts each chunk into a frame of stdout, for clients that start an exec with a terminal as if it had none. */
export class StdoutFrames extends Transform {
  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const header = Buffer.alloc(headerBytes);
    header[0] = stdoutKind;
    header.writeUInt32BE(chunk.length, 4);
    this.push(header);
    done(null, chunk);
  }
}

/** What is in the frames of stdout, without their headers; the other streams' frames are left out. */
export class StdoutOnly extends Transform {
  #header = Buffer.alloc(0);
  #left = 0;
  #isStdout = false;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let rest = chunk;
    while (rest.length > 0) rest = this.#left > 0 ? this.#content(rest) : this.#head(rest);
    done();
  }

  #head(bytes: Buffer): Buffer {
    const missing = headerBytes - this.#header.length;
    this.#header = Buffer.concat([this.#header, bytes.subarray(0, missing)]);
    if (this.#header.length === headerBytes) {
      this.#isStdout = this.#header[0] === stdoutKind;
      this.#left = this.#header.readUInt32BE(4);
      this.#header = Buffer.alloc(0);
    }
    return bytes.subarray(missing);
  }

  #content(bytes: Buffer): Buffer {
    const part = bytes.subarray(0, this.#left);
    if (this.#isStdout) this.push(part);
    this.#left -= part.length;
    return bytes.subarray(part.length);
  }
}
