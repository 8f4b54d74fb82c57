import { Duplex } from "node:stream";
import type { SpdyHeaders } from "./headers.ts";

/** What a stream needs of its connection. */
export interface StreamConnection {
  /** Calls back when more can be sent. */
  sendData(id: number, bytes: Buffer, isLast: boolean, done: (error?: Error | null) => void): void;
  /** The stream is over before both sides have finished. */
  reset(id: number): void;
  forget(id: number): void;
  sendReply(id: number): void;
}

/** More of one stream than its reader has taken holds up all streams of the connection. */
const maxBacklogBytes = 4 << 20;

/** One stream of a SPDY connection. Either side can end its half. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
  readonly #connection: StreamConnection;
  #wake: () => void = () => {};
  #isReadOver = false;
  #isWriteOver = false;

  constructor(id: number, headers: SpdyHeaders, connection: StreamConnection) {
    super({ allowHalfOpen: true });
    this.id = id;
    this.headers = headers;
    this.#connection = connection;
  }

  /** Accepts a stream that the other side has opened. */
  reply(): void {
    this.#connection.sendReply(this.id);
  }

  /** Takes what has come. Resolves when there is room for more. */
  async deliver(bytes: Buffer): Promise<void> {
    if (this.destroyed || this.#isReadOver) return;
    this.push(Buffer.from(bytes));
    while (this.readableLength > maxBacklogBytes && !this.destroyed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  /** The other side has ended its half. */
  finishRead(): void {
    if (this.#isReadOver) return;
    this.#isReadOver = true;
    if (!this.destroyed) this.push(null);
    this.#forgetIfOver();
  }

  /** The other side has given the stream up, or the connection is over. */
  abandon(): void {
    this.#isReadOver = true;
    this.#isWriteOver = true;
    this.#forgetIfOver();
    if (this.destroyed) return;
    this.push(null);
    this.destroy();
  }

  override _read(): void {
    this.#wake();
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#isWriteOver) done();
    else this.#connection.sendData(this.id, bytes, false, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#isWriteOver) return done();
    this.#isWriteOver = true;
    this.#connection.sendData(this.id, Buffer.alloc(0), true, done);
    this.#forgetIfOver();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#wake();
    if (!this.#isReadOver || !this.#isWriteOver) {
      this.#isReadOver = true;
      this.#isWriteOver = true;
      this.#connection.reset(this.id);
      this.#connection.forget(this.id);
    }
    done(error);
  }

  #forgetIfOver(): void {
    if (this.#isReadOver && this.#isWriteOver) this.#connection.forget(this.id);
  }
}
