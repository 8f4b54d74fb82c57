import { once } from "node:events";
import { createInflate } from "node:zlib";
import { Fault } from "#base/fault.ts";
import { headerDictionary } from "./dictionary.ts";

export type SpdyHeaders = Readonly<Record<string, string>>;

/** Of all headers of one frame, before they are compressed. */
const maxBlockBytes = 64 << 10;

/** An empty stored block: what was written before is read only up to the next of these. @see RFC 1951 section 3.2.4 */
const flushMark = Buffer.from([0, 0, 0, 0xff, 0xff]);

/** The two bytes that begin a zlib stream with a dictionary, and the dictionary's checksum. @see RFC 1950 section 2.2 */
const streamHead = Buffer.from([0x78, 0x20, 0xe3, 0xc6, 0xa7, 0xc2]);

/**
 * Writes header blocks of one connection. All of them are one zlib stream; its blocks are stored as they are, which costs no state:
 * the headers of Kubernetes' streams are a few bytes.
 */
export class HeaderWriter {
  #hasBegun = false;

  /** @throws {Fault} `invalid` for more than fits into one block */
  write(headers: SpdyHeaders): Buffer {
    const block = plainBlock(headers);
    if (block.length > 0xffff) throw new Fault("invalid", "spdy: too many headers");
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(block.length, 1);
    stored.writeUInt16LE(block.length ^ 0xffff, 3);
    const parts = this.#hasBegun ? [stored, block, flushMark] : [streamHead, stored, block, flushMark];
    this.#hasBegun = true;
    return Buffer.concat(parts);
  }
}

function plainBlock(headers: SpdyHeaders): Buffer {
  const entries = Object.entries(headers);
  const number = (value: number) => {
    const four = Buffer.alloc(4);
    four.writeUInt32BE(value);
    return four;
  };
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    return [number(bytes.length), bytes];
  };
  return Buffer.concat([
    number(entries.length),
    ...entries.flatMap(([name, value]) => [...text(name.toLowerCase()), ...text(value)]),
  ]);
}

/** Reads header blocks of one connection, one after the other. */
export class HeaderReader implements Disposable {
  readonly #inflate = createInflate({ dictionary: headerDictionary });
  #out: Buffer[] = [];
  #size = 0;

  constructor() {
    this.#inflate.on("data", (piece: Buffer) => {
      this.#out.push(piece);
      this.#size += piece.length;
      if (this.#size > maxBlockBytes) this.#inflate.destroy(new Fault("invalid", "spdy: too many headers"));
    });
    this.#inflate.on("error", () => {}); // whoever reads hears of it
  }

  /** @throws {Fault} `invalid` for what is no header block */
  async read(compressed: Buffer): Promise<SpdyHeaders> {
    this.#out = [];
    this.#size = 0;
    try {
      if (!this.#inflate.write(compressed)) await once(this.#inflate, "drain");
      await new Promise<void>((resolve, reject) => {
        this.#inflate.once("error", reject);
        this.#inflate.flush(() => {
          this.#inflate.off("error", reject);
          resolve();
        });
      });
    } catch (cause) {
      throw new Fault("invalid", "spdy: headers are not compressed as they should be", { cause });
    }
    return parseBlock(Buffer.concat(this.#out));
  }

  [Symbol.dispose](): void {
    this.#inflate.destroy();
  }
}

function parseBlock(block: Buffer): SpdyHeaders {
  let at = 0;
  const take = (size: number) => {
    if (size > block.length - at) throw new Fault("invalid", "spdy: unexpected end of headers");
    at += size;
    return block.subarray(at - size, at);
  };
  const number = () => take(4).readUInt32BE();
  const text = () => take(number()).toString();
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let left = number(); left > 0; left--) headers[text().toLowerCase()] = text();
  return headers;
}
