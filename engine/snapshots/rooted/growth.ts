import { read } from "node:fs";
import { Socket } from "node:net";
import { promisify } from "node:util";
import { Fault } from "#base/fault.ts";

const readAt = promisify(read);

/** How much of a file can be read, told in lines of decimal numbers on a descriptor. */
export class Growth {
  #bytes = 0;
  #isOver = false;
  #wake: () => void = () => {};

  constructor(fd: number) {
    const socket = new Socket({ fd, readable: true, writable: false });
    let partial = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      const lines = (partial + text).split("\n");
      partial = lines.pop() ?? "";
      this.#bytes = Number(lines.at(-1) ?? this.#bytes);
      this.#wake();
    });
    const end = () => {
      this.#isOver = true;
      this.#wake();
    };
    socket.on("error", end).on("close", end);
  }

  /** The file's chunks, each as soon as it is there. The last one ends at `size`. */
  async *chunks(fd: number, size: number, chunkBytes: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < size; ) {
      const length = Math.min((await this.#beyond(at)) - at, chunkBytes);
      const { bytesRead, buffer } = await readAt(fd, Buffer.allocUnsafeSlow(length), 0, length, at);
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
