import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import { ByteSource } from "./byte-source.ts";
import {
  controlFrame,
  dataHead,
  flagFin,
  type FrameHead,
  frameHeadBytes,
  frameType,
  numbers,
  parseHead,
  resetStatus,
} from "./frames.ts";
import { HeaderReader, type SpdyHeaders, HeaderWriter } from "./headers.ts";
import { SpdyStream, type StreamConnection } from "./stream.ts";

const maxControlBytes = 64 << 10;
const maxDataBytes = 32 << 10;
const maxStreams = 2000;

interface Opening {
  readonly resolve: (stream: SpdyStream) => void;
  readonly reject: (error: Fault) => void;
}

/**
 * A connection of SPDY/3.1, either side. As Kubernetes' programs have it, there are no windows: a sender goes on until the
 * connection itself is full.
 *
 * @see SPDY Protocol, draft 3.1
 */
export class SpdySession implements Disposable {
  readonly #socket: Duplex;
  readonly #isServer: boolean;
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #opening = new Map<number, Opening>();
  readonly #headersIn = new HeaderReader();
  readonly #headersOut = new HeaderWriter();
  readonly #ended = Promise.withResolvers<void>();
  readonly #departure = new AbortController();
  #nextId: number;
  #lastId = 0;
  #isLeaving = false;

  /** @param onStream called for every stream that the other side opens; it has to accept it by its `reply`, or destroy it */
  constructor(socket: Duplex, role: "client" | "server", onStream: (stream: SpdyStream) => void) {
    this.#socket = socket;
    this.#isServer = role === "server";
    this.#nextId = this.#isServer ? 2 : 1;
    this.#onStream = onStream;
    socket.on("error", () => {}); // `close` follows
    socket.once("close", () => this.#end());
    void this.#serve().then(
      () => this.#end(),
      () => this.#end(),
    );
  }

  /** Aborted when the connection is over. */
  get signal(): AbortSignal {
    return this.#departure.signal;
  }

  /** Settles when the connection is over. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Resolves when the other side has accepted it. @throws {Fault} `unavailable` when it does not, or the connection is over */
  openStream(headers: SpdyHeaders): Promise<SpdyStream> {
    if (this.signal.aborted) return Promise.reject(new Fault("unavailable", "spdy: the connection is over"));
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new SpdyStream(id, headers, this.#connection);
    this.#streams.set(id, stream);
    const { promise, resolve, reject } = Promise.withResolvers<SpdyStream>();
    this.#opening.set(id, { resolve, reject });
    const block = this.#headersOut.write(headers);
    this.#send(controlFrame(frameType.synStream, 0, Buffer.concat([numbers(id, 0), Buffer.alloc(2), block])));
    return promise;
  }

  /** Says that no more streams are taken, and ends the connection when what was written is on its way. */
  leave(): void {
    if (this.signal.aborted || this.#isLeaving) return;
    this.#isLeaving = true;
    this.#send(controlFrame(frameType.goAway, 0, numbers(this.#lastId, 0)));
    this.#endIfIdle();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
    this.#end();
  }

  readonly #connection: StreamConnection = {
    sendData: (id, bytes, isLast, done) => {
      if (this.signal.aborted) return done();
      let isFull = false;
      for (let at = 0; at < bytes.length || at === 0; at += maxDataBytes) {
        const part = bytes.subarray(at, at + maxDataBytes);
        const isEnd = isLast && at + maxDataBytes >= bytes.length;
        this.#socket.write(dataHead(id, isEnd ? flagFin : 0, part.length));
        isFull = part.length > 0 && !this.#socket.write(part);
      }
      if (!isFull) return done();
      const go = () => {
        this.#socket.off("drain", go);
        this.#socket.off("close", go);
        done();
      };
      this.#socket.on("drain", go);
      this.#socket.on("close", go);
    },
    reset: (id) => this.#send(controlFrame(frameType.rstStream, 0, numbers(id, resetStatus.cancel))),
    forget: (id) => {
      this.#streams.delete(id);
      this.#endIfIdle();
    },
    sendReply: (id) => {
      const block = this.#headersOut.write({});
      this.#send(controlFrame(frameType.synReply, 0, Buffer.concat([numbers(id), block])));
    },
  };

  #send(frame: Buffer): void {
    if (!this.signal.aborted && this.#socket.writable) this.#socket.write(frame);
  }

  async #serve(): Promise<void> {
    const source = new ByteSource(this.#socket);
    for (;;) {
      const head = await source.take(frameHeadBytes);
      if (head === undefined) return;
      const frame = parseHead(head);
      if (!frame.isControl) {
        if (!(await this.#takeData(source, frame))) return;
        continue;
      }
      if (frame.length > maxControlBytes) throw new Fault("invalid", "spdy: a frame is too long");
      const payload = frame.length === 0 ? Buffer.alloc(0) : await source.take(frame.length);
      if (payload === undefined) return;
      await this.#takeControl(frame, payload);
    }
  }

  /** False when the connection ends within the frame. */
  async #takeData(source: ByteSource, { streamId, flags, length }: FrameHead): Promise<boolean> {
    for (let left = length; left > 0; ) {
      const piece = await source.some(left);
      if (piece === undefined) return false;
      left -= piece.length;
      await this.#streams.get(streamId)?.deliver(piece);
    }
    if ((flags & flagFin) !== 0) this.#streams.get(streamId)?.finishRead();
    return true;
  }

  async #takeControl({ type, flags }: FrameHead, payload: Buffer): Promise<void> {
    const first = payload.length >= 4 ? payload.readUInt32BE(0) & 0x7fffffff : 0;
    switch (type) {
      case frameType.synStream: {
        const headers = await this.#headersIn.read(payload.subarray(10));
        this.#accept(first, headers, (flags & flagFin) !== 0);
        break;
      }
      case frameType.synReply: {
        await this.#headersIn.read(payload.subarray(4));
        this.#replied(first);
        if ((flags & flagFin) !== 0) this.#streams.get(first)?.finishRead();
        break;
      }
      case frameType.headers:
        await this.#headersIn.read(payload.subarray(4));
        if ((flags & flagFin) !== 0) this.#streams.get(first)?.finishRead();
        break;
      case frameType.rstStream:
        this.#refused(first);
        this.#streams.get(first)?.abandon();
        break;
      case frameType.ping:
        // Answers to pings of our own would have our parity.
        if ((first & 1) === (this.#isServer ? 1 : 0)) this.#send(controlFrame(frameType.ping, 0, payload));
        break;
      case frameType.goAway:
        this.#isLeaving = true;
        this.#endIfIdle();
        break;
      default: // settings and windows, which nobody here has
    }
  }

  #accept(id: number, headers: SpdyHeaders, isFinished: boolean): void {
    const isTheirs = (id & 1) === (this.#isServer ? 1 : 0);
    const reset = (status: number) => this.#send(controlFrame(frameType.rstStream, 0, numbers(id, status)));
    if (!isTheirs || id <= this.#lastId) return reset(resetStatus.protocolError);
    this.#lastId = id;
    if (this.#isLeaving || this.#streams.size >= maxStreams) return reset(resetStatus.refusedStream);
    const stream = new SpdyStream(id, headers, this.#connection);
    stream.on("error", () => {}); // whoever reads it listens for itself
    this.#streams.set(id, stream);
    if (isFinished) stream.finishRead();
    this.#onStream(stream);
  }

  #replied(id: number): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#opening.get(id)?.resolve(stream);
    this.#opening.delete(id);
  }

  #refused(id: number): void {
    this.#opening.get(id)?.reject(new Fault("unavailable", "spdy: the stream was refused"));
    this.#opening.delete(id);
  }

  #endIfIdle(): void {
    if (this.#isLeaving && this.#streams.size === 0 && !this.#socket.writableEnded) this.#socket.end();
  }

  #end(): void {
    if (this.signal.aborted) return;
    this.#departure.abort();
    this.#headersIn[Symbol.dispose]();
    for (const id of this.#opening.keys()) this.#refused(id);
    for (const stream of this.#streams.values()) stream.abandon();
    this.#socket.destroy();
    this.#ended.resolve();
  }
}
