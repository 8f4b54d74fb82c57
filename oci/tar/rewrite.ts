import { Fault } from "#base/fault.ts";
import type { TarEntry, TarTime } from "./entry.ts";
import { TarReader } from "./reader.ts";
import { tarHeader, tarPadding } from "./writer.ts";

/** What becomes of an entry; undefined leaves it out. Its kind and size stay. */
export type ChangeEntry = (entry: TarEntry) => TarEntry | undefined;

/** Told of the content of files that stay, in order. */
export interface FileWatch {
  data(bytes: Uint8Array): void;
  end(entry: TarEntry): void;
}

/**
 * The entries of an archive, changed, without the blocks that end it. Files with holes come with zeros. The same archive and change give
 * the same bytes.
 *
 * @throws {Fault} `invalid` for what is no archive
 */
export async function* rewrittenTar(
  source: AsyncIterable<Uint8Array>,
  change: ChangeEntry,
  watch?: FileWatch,
): AsyncGenerator<Uint8Array> {
  const rewriter = new Rewriter(change, watch);
  const reader = new TarReader(rewriter);
  for await (const chunk of source) {
    reader.write(chunk);
    yield* rewriter.take();
  }
  reader.end();
  yield* rewriter.take();
}

/** An entry that is no newer than `seconds` since 1970. */
export function clampedEntry(entry: TarEntry, seconds: number): TarEntry {
  const { atime: _, ...rest } = entry;
  return { ...rest, mtime: earlier(entry.mtime, seconds) };
}

function earlier(time: TarTime, seconds: number): TarTime {
  return time.seconds >= seconds ? { seconds, nanoseconds: 0 } : time;
}

const zeroBytes = new Uint8Array(64 * 1024);

/** A number stands for that many zeros. */
type Piece = Uint8Array | number;

class Rewriter {
  readonly #change: ChangeEntry;
  readonly #watch: FileWatch | undefined;
  #pieces: Piece[] = [];
  #current: TarEntry | undefined;
  #position = 0;

  constructor(change: ChangeEntry, watch: FileWatch | undefined) {
    this.#change = change;
    this.#watch = watch;
  }

  *take(): Generator<Uint8Array> {
    const pieces = this.#pieces;
    this.#pieces = [];
    for (const piece of pieces)
      if (typeof piece === "number") yield* zeros(piece);
      else yield piece;
  }

  entry(entry: TarEntry): void {
    this.#current = this.#change(entry);
    this.#position = 0;
    if (this.#current === undefined) return;
    if (this.#current.size !== entry.size || this.#current.type !== entry.type)
      throw new Fault("internal", "an entry has another size");
    this.#pieces.push(tarHeader(this.#current));
  }

  data(bytes: Uint8Array, position: number): void {
    if (this.#current === undefined) return;
    this.#fillTo(position);
    this.#pieces.push(bytes.slice());
    this.#watch?.data(bytes);
    this.#position += bytes.length;
  }

  endEntry(): void {
    const entry = this.#current;
    if (entry?.type !== "file") return;
    this.#fillTo(entry.size);
    this.#pieces.push(tarPadding(entry.size));
    this.#watch?.end(entry);
  }

  #fillTo(position: number): void {
    if (position <= this.#position) return;
    this.#pieces.push(position - this.#position);
    if (this.#watch !== undefined)
      for (const piece of zeros(position - this.#position)) this.#watch.data(piece);
    this.#position = position;
  }
}

function* zeros(count: number): Generator<Uint8Array> {
  for (let left = count; left > 0; left -= zeroBytes.length)
    yield zeroBytes.subarray(0, Math.min(left, zeroBytes.length));
}
