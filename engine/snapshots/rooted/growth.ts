import { readSync } from "node:fs";
import { Socket } from "node:net";
import { Fault } from "#base/fault.ts";

/** How much of a file can be read, told on a descriptor in lines of two decimal numbers: which file, in the order of jobs, and how many bytes. */
export class Growth {
  #job = 0;
  #bytes = 0;
  #isOver = false;
  #wake: () => void = () => {};

  constructor(fd: number) {
    const socket = new Socket({ fd, readable: true, writable: false });
    let partial = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      const lines = (partial + text).split("\n");
      partial = lines.pop() ?? "";
      const [job = 0, bytes = 0] = (lines.at(-1) ?? "").split(" ").map(Number);
      if (job < this.#job || lines.length === 0) return;
      this.#job = job;
      this.#bytes = bytes;
      this.#wake();
    });
    const end = () => {
      this.#isOver = true;
      this.#wake();
    };
    socket.on("error", end).on("close", end);
  }

  /**
   * The file's chunks, each as soon as it is there. The last one ends at `size`. A chunk is the caller's only until it asks for the next.
   *
   * @param job greater than those before
   */
  async *chunks(job: number, fd: number, size: number, chunkBytes: number): AsyncGenerator<Buffer> {
    if (job > this.#job) [this.#job, this.#bytes] = [job, 0];
    const buffer = Buffer.allocUnsafeSlow(chunkBytes);
    for (let at = 0; at < size; ) {
      const length = Math.min((await this.#beyond(at)) - at, chunkBytes);
      const bytesRead = readSync(fd, buffer, 0, length, at);
      if (bytesRead === 0) throw new Fault("invalid", "unexpected EOF");
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async #beyond(bytes: number): Promise<number> {
    while (this.#bytes <= bytes) {
      if (this.#isOver) throw new Fault("invalid", "unexpected EOF");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#bytes;
  }
}
