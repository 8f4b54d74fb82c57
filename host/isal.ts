/**
 * Inflates raw deflate streams (RFC 1951) with ISA-L, which takes a third of zlib's time. What it says of broken data is a
 * {@link RangeError}; whether the result is right (CRC, hash) is for the caller to check.
 *
 * @see ISA-L 2, igzip_lib.h, `isal_inflate`
 */
export class IsalInflate {
  readonly #library: Isal;
  readonly #state: Buffer;
  readonly #input: Buffer;
  readonly #output: Buffer;
  readonly #inputAddress: bigint;
  readonly #outputAddress: bigint;

  private constructor(library: Isal, chunkBytes: number) {
    this.#library = library;
    this.#state = Buffer.allocUnsafeSlow(stateBytes);
    this.#input = Buffer.allocUnsafeSlow(chunkBytes);
    this.#output = Buffer.allocUnsafeSlow(chunkBytes * outputPerInput);
    this.#inputAddress = library.addressOf(this.#input);
    this.#outputAddress = library.addressOf(this.#output);
    this.reset();
  }

  /** Undefined where the library is not installed. `chunkBytes`: how much it takes at once. */
  static open(chunkBytes: number): IsalInflate | undefined {
    const library = load();
    return library === undefined ? undefined : new IsalInflate(library, chunkBytes);
  }

  /** Begins another stream. */
  reset(): void {
    this.#library.functions.isal_inflate_init(this.#state);
  }

  /**
   * Inflates a chunk and passes on what comes out of it, which is `consume`'s only until it returns. Undefined when the stream goes
   * on after the chunk, or nobody can tell yet; once it has ended, the bytes that follow it.
   *
   * @throws {RangeError} for what is no deflate stream
   */
  write(chunk: Uint8Array, consume: (output: Buffer) => void): Uint8Array | undefined {
    for (let at = 0; at < chunk.length; at += this.#input.length) {
      const piece = chunk.subarray(at, at + this.#input.length);
      const left = this.#writePiece(piece, consume);
      if (left === undefined) continue;
      return Buffer.concat([this.#takeAhead(), chunk.subarray(at + piece.length - left)]);
    }
    return undefined;
  }

  /** How much of the input the library leaves although there was room for more output: then the stream is over. */
  #writePiece(piece: Uint8Array, consume: (output: Buffer) => void): number | undefined {
    const state = this.#state;
    this.#input.set(piece);
    state.writeBigUInt64LE(this.#inputAddress, field.nextIn);
    state.writeUInt32LE(piece.length, field.availableIn);
    for (;;) {
      state.writeBigUInt64LE(this.#outputAddress, field.nextOut);
      state.writeUInt32LE(this.#output.length, field.availableOut);
      const result = this.#library.functions.isal_inflate(state);
      if (result < 0) throw new RangeError(`isal_inflate: ${result}`);
      const room = state.readUInt32LE(field.availableOut);
      if (room < this.#output.length) consume(this.#output.subarray(0, this.#output.length - room));
      if (room === 0) continue;
      const left = state.readUInt32LE(field.availableIn);
      return left > 0 ? left : undefined;
    }
  }

  /** Whole bytes that the library took in beyond the end; the bits before them are the rest of the stream's last byte. */
  #takeAhead(): Buffer {
    const bits = this.#state.readInt32LE(field.bitsAhead);
    const ahead = Buffer.alloc(8);
    ahead.writeBigUInt64LE(this.#state.readBigUInt64LE(field.ahead) >> BigInt(bits % 8));
    return ahead.subarray(0, Math.floor(bits / 8));
  }
}

/** Larger than `struct inflate_state` of any ISA-L 2, which is some 90 KB, most of it a window. */
const stateBytes = 512 * 1024;
const outputPerInput = 4;

/** Of `struct inflate_state`: its first members, the same in all of ISA-L 2. */
const field = { nextOut: 0, availableOut: 8, nextIn: 16, ahead: 24, availableIn: 32, bitsAhead: 36 } as const;

const definitions = {
  isal_inflate_init: { arguments: ["pointer"], return: "void" },
  isal_inflate: { arguments: ["pointer"], return: "i32" },
} as const;

interface Isal {
  readonly functions: ReturnType<typeof import("node:ffi").dlopen<typeof definitions>>["functions"];
  readonly addressOf: (buffer: Buffer) => bigint;
}

let loaded: Isal | undefined | false = false;

/** Of Debian's package libisal2. On other processors than x86-64 and ARM's it is not built. */
function load(): Isal | undefined {
  if (loaded !== false) return loaded;
  const emitWarning: unknown = Reflect.get(process, "emitWarning");
  Reflect.set(process, "emitWarning", () => {});
  try {
    const ffi = process.getBuiltinModule("node:ffi");
    const { functions } = ffi.dlopen("libisal.so.2", definitions);
    loaded = { functions, addressOf: (buffer) => ffi.getRawPointer(buffer) };
  } catch {
    loaded = undefined;
  } finally {
    Reflect.set(process, "emitWarning", emitWarning);
  }
  return loaded;
}
