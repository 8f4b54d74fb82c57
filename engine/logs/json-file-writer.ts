import { closeSync, openSync, renameSync, writeSync } from "node:fs";
import { existsSync, rmSync } from "node:fs";

/** A record as tests write it. */
export interface WrittenRecord {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
}

/** The canonical line of a record. @see docs/formats/log.md */
export function encodeRecord({ stream, text, time }: WrittenRecord): string {
  const escaped = JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `{"log":${escaped},"stream":"${stream}","time":"${time}"}\n`;
}

/** What the native shim does, as a model for tests: appends records and rotates by renaming. */
export class JsonFileWriter implements Disposable {
  readonly #path: string;
  readonly #maxFiles: number;
  #fd: number;

  constructor(path: string, maxFiles: number) {
    this.#path = path;
    this.#maxFiles = maxFiles;
    this.#fd = openSync(path, "a");
  }

  append(bytes: string | Buffer): void {
    writeSync(this.#fd, Buffer.from(bytes));
  }

  rotate(): void {
    let oldest = 1;
    while (existsSync(`${this.#path}.${oldest}`)) oldest++;
    for (let number = oldest; number > 1; number--)
      renameSync(`${this.#path}.${number - 1}`, `${this.#path}.${number}`);
    closeSync(this.#fd);
    renameSync(this.#path, `${this.#path}.1`);
    this.#fd = openSync(this.#path, "a");
    rmSync(`${this.#path}.${this.#maxFiles}`, { force: true });
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
