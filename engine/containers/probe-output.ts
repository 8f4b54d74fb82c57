import { Duplex } from "node:stream";
import { OutputReader } from "#engine/supervise/output-frames.ts";

const outputMax = 4096;

/** Takes a process's framed output as a client does, both streams as they come, and keeps the beginning of it. */
export class ProbeOutput extends Duplex {
  readonly #reader = new OutputReader();
  readonly #kept: Buffer[] = [];
  #room = outputMax;
  #isCut = false;

  /** At most 4096 bytes; `...` follows where there was more. */
  get text(): string {
    return `${Buffer.concat(this.#kept).toString()}${this.#isCut ? "..." : ""}`;
  }

  override _read(): void {
    this.push(null); // it has nothing to say
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    for (const { bytes } of this.#reader.take(chunk)) this.#keep(bytes);
    done();
  }

  #keep(bytes: Buffer): void {
    const kept = bytes.subarray(0, this.#room);
    if (kept.length > 0) this.#kept.push(Buffer.from(kept));
    this.#room -= kept.length;
    this.#isCut ||= kept.length < bytes.length;
  }
}
