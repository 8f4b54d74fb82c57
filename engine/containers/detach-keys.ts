import { Transform, type TransformCallback } from "node:stream";
import { Fault } from "#base/fault.ts";

/**
 * The byte sequence of Docker's detach keys: `ctrl-` with a letter or one of `@ [ \ ] ^ _`, or single characters, by commas.
 *
 * @throws {Fault} `invalid`
 */
export function parseDetachKeys(text: string): Buffer {
  const keys = (text === "" ? "ctrl-p,ctrl-q" : text).split(",");
  return Buffer.from(keys.map(byteOf));
}

function byteOf(key: string): number {
  const control = /^ctrl-([a-zA-Z@[\\\]^_])$/.exec(key)?.[1];
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
  if (key.length === 1) return key.charCodeAt(0);
  throw new Fault("invalid", `Invalid detach keys (${key}) provided`);
}

/** Passes stdin on and calls `onDetach` when the sequence comes; a sequence that breaks off is passed on too. */
export class DetachKeys extends Transform {
  readonly #sequence: Buffer;
  readonly #onDetach: () => void;
  #matched = 0;

  constructor(sequence: Buffer, onDetach: () => void) {
    super();
    this.#sequence = sequence;
    this.#onDetach = onDetach;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    const out: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#sequence[this.#matched]) {
        this.#matched++;
        if (this.#matched < this.#sequence.length) continue;
        this.push(Buffer.from(out));
        this.#onDetach();
        return;
      }
      out.push(...this.#sequence.subarray(0, this.#matched));
      this.#matched = byte === this.#sequence[0] ? 1 : 0;
      if (this.#matched === 0) out.push(byte);
    }
    done(null, Buffer.from(out));
  }
}
