import { crc32 } from "node:zlib";
import { Fault } from "#base/fault.ts";
import { IsalInflate } from "#host/isal.ts";

const chunkBytes = 64 * 1024;
const trailerBytes = 8;
const fixedHeadBytes = 10;
const flag = { headCrc: 2, extra: 4, name: 8, comment: 16 } as const;

type State = "head" | "body" | "trailer" | "over";

/**
 * Reads gzip streams by ISA-L, one member after the other; what follows the last one is not looked at. Output comes synchronously.
 *
 * @see RFC 1952
 */
export class Gunzip {
  readonly #inflate: IsalInflate;
  readonly #consume: (output: Buffer) => void;
  #state: State = "head";
  #isFirst = true;
  /** Of a head or trailer that has not come whole. */
  #partial: Uint8Array = new Uint8Array(0);
  #crc = 0;
  #size = 0;

  readonly #isHashed: boolean;

  private constructor(inflate: IsalInflate, consume: (output: Uint8Array) => void, isHashed: boolean) {
    this.#inflate = inflate;
    this.#isHashed = isHashed;
    this.#consume = (output) => {
      if (isHashed) return consume(output);
      this.#crc = crc32(output, this.#crc);
      this.#size = (this.#size + output.length) >>> 0;
      consume(output);
    };
  }

  /**
   * Undefined where ISA-L is not installed. The bytes are the consumer's only until it returns.
   *
   * @param isHashed the consumer compares a digest of everything that comes out, so that no checksum needs to be looked at
   */
  static open(
    consume: (output: Uint8Array) => void,
    { isHashed }: { readonly isHashed: boolean },
  ): Gunzip | undefined {
    const inflate = IsalInflate.open(chunkBytes);
    return inflate === undefined ? undefined : new Gunzip(inflate, consume, isHashed);
  }

  /** @throws {Fault} `invalid` for broken data */
  write(chunk: Uint8Array): void {
    let rest: Uint8Array | undefined = chunk;
    while (rest !== undefined && rest.length > 0)
      switch (this.#state) {
        case "head":
          rest = this.#takeHead(rest);
          break;
        case "body":
          rest = this.#takeBody(rest);
          break;
        case "trailer":
          rest = this.#takeTrailer(rest);
          break;
        case "over":
          return;
        default:
          this.#state satisfies never;
      }
  }

  /** The stream is over. @throws {Fault} `invalid` "unexpected EOF" in the middle of a member */
  end(): void {
    const isBetween = this.#state === "over" || (this.#state === "head" && !this.#isFirst);
    if (!isBetween) throw new Fault("invalid", "unexpected EOF");
  }

  #takeHead(chunk: Uint8Array): Uint8Array | undefined {
    const bytes = this.#gathered(chunk);
    if (!this.#isFirst && (bytes[0] !== 0x1f || (bytes[1] ?? 0x8b) !== 0x8b)) {
      this.#state = "over";
      return undefined;
    }
    const length = headLength(bytes);
    if (length === undefined) return this.#gather(bytes);
    this.#inflate.reset();
    this.#crc = 0;
    this.#size = 0;
    this.#isFirst = false;
    this.#state = "body";
    return bytes.subarray(length);
  }

  #takeBody(chunk: Uint8Array): Uint8Array | undefined {
    const rest = inflated(() => this.#inflate.write(chunk, this.#consume));
    if (rest !== undefined) this.#state = "trailer";
    return rest;
  }

  #takeTrailer(chunk: Uint8Array): Uint8Array | undefined {
    const bytes = this.#gathered(chunk);
    if (bytes.length < trailerBytes) return this.#gather(bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, trailerBytes);
    if (!this.#isHashed && view.getUint32(0, true) !== this.#crc) throw broken("incorrect data check");
    if (!this.#isHashed && view.getUint32(4, true) !== this.#size) throw broken("incorrect length check");
    this.#state = "head";
    return bytes.subarray(trailerBytes);
  }

  #gathered(chunk: Uint8Array): Uint8Array {
    if (this.#partial.length === 0) return chunk;
    const bytes = Buffer.concat([this.#partial, chunk]);
    this.#partial = new Uint8Array(0);
    return bytes;
  }

  #gather(bytes: Uint8Array): undefined {
    if (bytes.length > chunkBytes * 4) throw broken("header too long");
    this.#partial = Uint8Array.from(bytes);
  }
}

/** Undefined when there is not all of it. */
function headLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < fixedHeadBytes) return undefined;
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) throw broken("incorrect header check");
  const flags = bytes[3] ?? 0;
  if ((flags & 0xe0) !== 0) throw broken("unknown header flags set");
  let length = fixedHeadBytes;
  if ((flags & flag.extra) !== 0) length += 2 + (bytes[length] ?? 0) + (bytes[length + 1] ?? 0) * 256;
  for (const text of [flag.name, flag.comment]) {
    if ((flags & text) === 0) continue;
    const end = bytes.indexOf(0, length);
    if (end < 0) return undefined;
    length = end + 1;
  }
  if ((flags & flag.headCrc) !== 0) length += 2;
  return length > bytes.length ? undefined : length;
}

function inflated<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw broken(error.message);
    throw error;
  }
}

function broken(what: string): Fault {
  return new Fault("invalid", `archive cannot be decompressed: ${what}`);
}
