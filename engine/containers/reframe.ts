import { Transform, type TransformCallback } from "node:stream";
import { outputFrame, OutputReader, streamNumber } from "#engine/supervise/output-frames.ts";

/** Puts each chunk into a frame of stdout, for clients that start an exec with a terminal as if it had none. */
export class StdoutFrames extends Transform {
  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    done(null, outputFrame(streamNumber.stdout, chunk));
  }
}

/** What is in the frames of stdout, without their headers; the other streams' frames are left out. */
export class StdoutOnly extends Transform {
  readonly #reader = new OutputReader();

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    for (const { stream, bytes } of this.#reader.take(chunk))
      if (stream === streamNumber.stdout) this.push(bytes);
    done();
  }
}
