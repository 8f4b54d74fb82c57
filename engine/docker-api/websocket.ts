import { OutputReader, type Piece } from "#engine/supervise/output-frames.ts";
import { createHash } from "node:crypto";
import { Duplex } from "node:stream";

const HANDSHAKE_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The value of `Sec-WebSocket-Accept`. @see RFC 6455 section 4.2.2 */
export function acceptKey(key: string): string {
  return createHash("sha1")
    .update(key + HANDSHAKE_KEY)
    .digest("base64");
}

/**
 * The server's end of a websocket as a stream of bytes: the payload of every data frame that comes is read, what is written
 * goes out as binary frames. Answers pings; a close frame, or a client that breaks the protocol, ends it.
 *
 * @see RFC 6455 section 5
 */
export class WebSocketStream extends Duplex {
  readonly #socket: Duplex;
  readonly #frames: OutputReader | undefined;
  #pending: Buffer = Buffer.alloc(0);
  #hasClosed = false;

  /** @param isFramed what is written are Docker's multiplexed frames, whose headers are left out: websockets are never framed */
  constructor(socket: Duplex, isFramed: boolean) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#frames = isFramed ? new OutputReader() : undefined;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("end", () => this.push(null));
    socket.on("close", () => this.destroy());
    socket.on("error", () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const payload = this.#frames === undefined ? chunk : payloadOf(this.#frames.take(chunk));
    if (payload.length === 0) done();
    else this.#send(opcodes.binary, payload, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sendClose(1000);
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #receive(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (let frame = readFrame(this.#pending); frame !== undefined; frame = readFrame(this.#pending)) {
      if (frame === "broken") {
        this.#sendClose(1002);
        this.#pending = Buffer.alloc(0);
        this.#socket.end();
        this.push(null);
        return;
      }
      this.#pending = this.#pending.subarray(frame.length);
      this.#handle(frame);
    }
  }

  #handle({ opcode, payload }: Frame): void {
    switch (opcode) {
      case opcodes.continuation:
      case opcodes.text:
      case opcodes.binary:
        if (payload.length > 0 && !this.#hasClosed && !this.push(payload)) this.#socket.pause();
        break;
      case opcodes.ping:
        this.#send(opcodes.pong, payload);
        break;
      case opcodes.close:
        this.#sendClose(1000);
        this.push(null);
        break;
      default:
        break;
    }
  }

  #sendClose(code: number): void {
    if (this.#hasClosed) return;
    this.#hasClosed = true;
    this.#send(opcodes.close, Buffer.from([code >> 8, code & 0xff]), undefined, true);
  }

  #send(opcode: number, payload: Buffer, done?: (error?: Error | null) => void, isClose = false): void {
    if (this.#socket.destroyed || this.#socket.writableEnded || (this.#hasClosed && !isClose)) {
      done?.();
      return;
    }
    this.#socket.write(frameHeader(opcode, payload.length));
    this.#socket.write(payload, done);
  }
}

function payloadOf(pieces: readonly Piece[]): Buffer {
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined
    ? first.bytes
    : Buffer.concat(pieces.map(({ bytes }) => bytes));
}

interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
  /** Of the whole frame, in bytes. */
  readonly length: number;
}

/** The first frame of `bytes`; undefined while it is not whole; `broken` when it is not one that a client may send. */
function readFrame(bytes: Buffer): Frame | "broken" | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  const opcode = first & 0x0f;
  if ((first & 0x70) !== 0 || (second & 0x80) === 0) return "broken";
  const short = second & 0x7f;
  if (opcode >= opcodes.close && (short > 125 || (first & 0x80) === 0)) return "broken";
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  const start = 2 + extra + 4;
  if (bytes.length < start) return undefined;
  const size = extra === 0 ? short : extra === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (size > MAX_FRAME_BYTES) return "broken";
  if (bytes.length < start + size) return undefined;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(bytes.subarray(start, start + size));
  for (let index = 0; index < size; index++) payload[index] = (payload[index] ?? 0) ^ (mask[index & 3] ?? 0);
  return { opcode, payload, length: start + size };
}

function frameHeader(opcode: number, size: number): Buffer {
  const first = 0x80 | opcode;
  if (size < 126) return Buffer.from([first, size]);
  if (size < 65536) return Buffer.from([first, 126, size >> 8, size & 0xff]);
  const header = Buffer.alloc(10);
  header[0] = first;
  header[1] = 127;
  header.writeBigUInt64BE(BigInt(size), 2);
  return header;
}
