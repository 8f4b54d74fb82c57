import { Duplex } from "node:stream";

const outputMax = 4096;
const headSize = 8;

/** Takes a process's framed output as a client does, both streams as they come, and keeps the beginning of it. */
export class ProbeOutput extends Duplex {
  readonly #kept: Buffer[] = [];
  #room = outputMax;
  #isCut = false;
  #head: Buffer = Buffer.alloc(0);
  /** Of the frame that is being read. */
  #rest = 0;

  /** At most 4096 bytes; `...` follows where there was more. */
  get text(): string {
    return `${Buffer.concat(this.#kept).toString()}${this.#isCut ? "..." : ""}`;
  }

  override _read(): void {
    this.push(null); // it has nothing to say
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    for (let bytes = chunk; bytes.length > 0; )
      bytes = this.#rest > 0 ? this.#body(bytes) : this.#start(bytes);
    done();
  }

  #start(bytes: Buffer): Buffer {
    const missing = headSize - this.#head.length;
    this.#head = Buffer.concat([this.#head, bytes.subarray(0, missing)]);
    if (this.#head.length === headSize) {
      this.#rest = this.#head.readUInt32BE(4);
      this.#head = Buffer.alloc(0);
    }
    return bytes.subarray(missing);
  }

  #body(bytes: Buffer): Buffer {
    const part = bytes.subarray(0, this.#rest);
    const kept = part.subarray(0, this.#room);
    if (kept.length > 0) this.#kept.push(Buffer.from(kept));
    this.#room -= kept.length;
    this.#isCut ||= kept.length < part.length;
    this.#rest -= part.length;
    return bytes.subarray(part.length);
  }
}
