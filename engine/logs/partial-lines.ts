import { randomBytes } from "node:crypto";
import type { ForwardedRecord } from "./drivers/driver.ts";
import type { Stream } from "./json-record.ts";
import { parseTime } from "./log-time.ts";
import type { CollectedRecord } from "./record-collector.ts";

/** Turns records of a log into what drivers send, with the parts of long lines numbered. */
export class PartialLines {
  /** By stream: the line that is under way. */
  readonly #lines = new Map<Stream, { readonly id: string; ordinal: number }>();
  #ordinal = 0;
  /** The shim gives what it reads at once one time: it is read once. */
  #text = "";
  #time = 0n;

  convert({ stream, time, text, endsLine }: CollectedRecord): ForwardedRecord {
    const partial = this.#partOf(stream, endsLine);
    if (time !== this.#text) [this.#text, this.#time] = [time, parseTime(time) ?? 0n];
    return {
      stream: stream === 1 ? "stdout" : "stderr",
      time: this.#time,
      text,
      ordinal: ++this.#ordinal,
      ...(partial && { partial }),
    };
  }

  #partOf(stream: Stream, isLast: boolean): ForwardedRecord["partial"] {
    let line = this.#lines.get(stream);
    if (line === undefined) {
      if (isLast) return undefined;
      line = { id: randomBytes(32).toString("hex"), ordinal: 0 };
      this.#lines.set(stream, line);
    }
    line.ordinal++;
    if (isLast) this.#lines.delete(stream);
    return { ...line, isLast };
  }
}
