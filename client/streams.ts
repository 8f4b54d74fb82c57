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

/** The JSON values of a stream, one a line, as they come. */
export async function* jsonLines<T>(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  for await (const line of textLines(bytes)) yield JSON.parse(line) as T;
}

/** The lines of a stream as they come, without those that are empty. */
export async function* textLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let held = "";
  for await (const chunk of bytes) {
    held += decoder.decode(chunk, { stream: true });
    const lines = held.split("\n");
    held = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield line;
  }
  held += decoder.decode();
  if (held.trim() !== "") yield held;
}

/** A stream as text, whole. */
export async function readText(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of bytes) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}
