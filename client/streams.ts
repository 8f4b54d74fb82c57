import { Fault } from "#base/fault.ts";
import { ByteReader } from "./byte-reader.ts";

/** A piece of a container's output. */
export interface OutputPiece {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/**
 * Takes the frames of attach, exec and logs apart: 8 bytes of head, the stream and the length, then the payload.
 *
 * @throws {Fault} `internal` when the daemon reports an error in the stream
 * @see Docker Engine API v1.51, ContainerAttach, stream format
 */
export async function* demultiplex(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<OutputPiece> {
  const reader = new ByteReader(bytes);
  for (;;) {
    const head = await reader.take(8);
    if (head === undefined) return;
    const length = new DataView(head.buffer, head.byteOffset, 8).getUint32(4);
    const kind = head[0];
    if (kind === 3) {
      const text = await readText(reader.exactly(length));
      throw new Fault("internal", `error from daemon in stream: ${text}`);
    }
    if (kind === undefined || kind > 2) throw new Fault("internal", `Unrecognized input header: ${kind}`);
    for await (const piece of reader.exactly(length))
      yield { stream: kind === 2 ? "stderr" : "stdout", bytes: piece };
  }
}

/** A terminal's bytes: everything is standard output. */
export async function* rawOutput(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<OutputPiece> {
  for await (const piece of bytes) yield { stream: "stdout", bytes: piece };
}

const parsedLines = new WeakMap<Uint8Array, () => unknown>();

/**
 * Says what a chunk that is one whole line of JSON means, for readers in the same process: they take the value, which is never to
 * be changed, instead of parsing the text once more.
 */
export function rememberLine(chunk: Uint8Array, value: () => unknown): void {
  parsedLines.set(chunk, value);
}

/** The JSON values of a stream, one a line, as they come. */
export async function* jsonLines<T>(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  const splitter = new LineSplitter();
  for await (const chunk of bytes) {
    const known = splitter.isBetweenLines ? parsedLines.get(chunk) : undefined;
    if (known !== undefined) yield known() as T;
    else for (const line of splitter.push(chunk)) yield JSON.parse(line) as T;
  }
  for (const line of splitter.end()) yield JSON.parse(line) as T;
}

/** The lines of a stream as they come, without those that are empty. */
export async function* textLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const splitter = new LineSplitter();
  for await (const chunk of bytes) yield* splitter.push(chunk);
  yield* splitter.end();
}

class LineSplitter {
  readonly #decoder = new TextDecoder();
  #held = "";
  /** Whether the last chunk ended in the middle of a character. */
  #isSplit = false;

  get isBetweenLines(): boolean {
    return this.#held === "" && !this.#isSplit;
  }

  push(chunk: Uint8Array): readonly string[] {
    this.#isSplit = (chunk.at(-1) ?? 0) >= 0x80;
    const lines = (this.#held + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#held = lines.pop() ?? "";
    return lines.filter((line) => line.trim() !== "");
  }

  end(): readonly string[] {
    const last = this.#held + this.#decoder.decode();
    return last.trim() === "" ? [] : [last];
  }
}

/** A stream as text, whole. */
export async function readText(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of bytes) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}
