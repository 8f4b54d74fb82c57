import { Fault } from "#base/fault.ts";

/** The keys that leave a container running, unless something else was configured. */
export const usualDetachKeys = "ctrl-p,ctrl-q";

/** `ctrl-p,ctrl-q` as bytes. @throws {Fault} `invalid` for what is no key */
export function parseDetachKeys(text: string): Uint8Array {
  const special: Readonly<Record<string, number>> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };
  return Uint8Array.from(
    text.split(",").map((key) => {
      if (key.length === 1) return key.charCodeAt(0);
      const [, letter = ""] = /^ctrl-(.)$/.exec(key) ?? [];
      if (/^[a-z]$/.test(letter)) return letter.charCodeAt(0) - 96;
      const code = special[letter];
      if (code === undefined) throw new Fault("invalid", `Unknown character: '${key}'`);
      return code;
    }),
  );
}

/** Finds the keys in what is typed. What belongs to no sequence goes on; a sequence that was only begun goes on later. */
export class DetachWatch {
  readonly #keys: Uint8Array;
  #seen = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** The bytes to send, and whether the sequence is complete. */
  take(bytes: Uint8Array): { readonly pass: Uint8Array; readonly isDetached: boolean } {
    const pass: number[] = [];
    for (const byte of bytes) {
      if (byte === this.#keys[this.#seen]) {
        this.#seen++;
        if (this.#seen === this.#keys.length) return { pass: Uint8Array.from(pass), isDetached: true };
        continue;
      }
      pass.push(...this.#keys.subarray(0, this.#seen));
      this.#seen = byte === this.#keys[0] ? 1 : 0;
      if (this.#seen === 0) pass.push(byte);
    }
    return { pass: Uint8Array.from(pass), isDetached: false };
  }
}
