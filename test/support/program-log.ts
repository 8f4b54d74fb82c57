import { EventEmitter, once } from "node:events";
import type { Readable } from "node:stream";

/** What programs under test have written to their standard errors. It comes on a way of its own: an answer may be here before it. */
export class ProgramLog {
  text = "";
  readonly #growth = new EventEmitter();

  follow(stream: Readable): void {
    stream.on("data", (bytes: Buffer) => {
      this.text += bytes.toString();
      this.#growth.emit("growth");
    });
  }

  /** Waits until the text has it, after its first `from` characters. */
  async until(expected: RegExp, from = 0): Promise<void> {
    while (!expected.test(this.text.slice(from))) await once(this.#growth, "growth");
  }
}
