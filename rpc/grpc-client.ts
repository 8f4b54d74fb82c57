import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { Codec } from "#base/protobuf.ts";
import { Fault } from "#base/fault.ts";
import { type ClientHttp2Session, type ClientHttp2Stream, http2 } from "#host/http2.ts";
import { framed, messagesOf } from "./frames.ts";
import { callOnce, type ClientCall, type Metadata, type RpcClient } from "./rpc-client.ts";
import { findFailure } from "./status.ts";

const windowBytes = 4 << 20;

const sessionOptions = {
  maxSessionMemory: 64,
  maxHeaderListPairs: 128,
  maxOutstandingPings: 10,
  maxSettings: 32,
  maxReservedRemoteStreams: 0,
  maxSessionInvalidFrames: 100,
  settings: { enablePush: false, initialWindowSize: windowBytes, maxHeaderListSize: 64 << 10 },
} as const;

/** Calls the services of whoever is at the other end of a connection that has become HTTP/2. */
export class GrpcClient implements RpcClient {
  readonly #session: ClientHttp2Session;
  readonly #name: string;

  /** @param name what the connection is called when it is over, e.g. `the client's session` */
  constructor(socket: Duplex, name: string) {
    this.#name = name;
    this.#session = http2().connect("http://localhost", {
      ...sessionOptions,
      createConnection: () => socket as never,
    });
    this.#session.on("error", () => this.#session.destroy());
    this.#session.once("connect", () => this.#session.setLocalWindowSize(4 * windowBytes));
    for (const event of ["end", "close"]) socket.once(event, () => this.#session.destroy());
  }

  get isClosed(): boolean {
    return this.#session.closed || this.#session.destroyed;
  }

  /** Settles when the connection is over. */
  async closed(): Promise<void> {
    if (!this.isClosed) await once(this.#session, "close");
  }

  destroy(): void {
    this.#session.destroy();
  }

  /** @throws {Fault} `unavailable` when the connection is over */
  open(path: string, metadata: Metadata, signal: AbortSignal): ClientCall {
    signal.throwIfAborted();
    if (this.isClosed) throw isOver(this.#name);
    const stream = this.#session.request(
      {
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
        "user-agent": "gantry",
        ...(metadata as Record<string, string>),
      },
      { endStream: false, signal },
    );
    return new Call(stream, this.#name, signal);
  }

  /** One message there and one back. @throws {Fault} with what the other side says */
  async unary<Request, Response>(
    path: string,
    codecs: readonly [Codec<Request>, Codec<Response>],
    request: Partial<Request>,
    signal: AbortSignal,
    metadata: Metadata = {},
  ): Promise<Response> {
    return await callOnce({ open: () => this.open(path, metadata, signal) }, path, codecs, request);
  }
}

class Call implements ClientCall {
  readonly #stream: ClientHttp2Stream;
  readonly #signal: AbortSignal;
  /** Aborted when the stream is closed as well. */
  readonly #either: AbortSignal;
  readonly #name: string;
  #trailers: Readonly<Record<string, unknown>> = {};
  #error: unknown;

  constructor(stream: ClientHttp2Stream, name: string, signal: AbortSignal) {
    this.#stream = stream;
    this.#name = name;
    this.#signal = signal;
    const closed = new AbortController();
    stream.once("close", () => closed.abort(isOver(name)));
    this.#either = AbortSignal.any([signal, closed.signal]);
    stream.on("error", (error) => {
      this.#error ??= error;
    });
    stream.on("response", (headers) => {
      if (headers["grpc-status"] !== undefined) this.#trailers = headers;
    });
    stream.on("trailers", (trailers) => {
      this.#trailers = trailers;
    });
  }

  async send(message: Uint8Array): Promise<void> {
    this.#signal.throwIfAborted();
    if (this.#stream.destroyed || this.#stream.writableEnded) throw isOver(this.#name);
    if (this.#stream.write(framed(message))) return;
    await once(this.#stream, "drain", { signal: this.#either });
  }

  finish(): void {
    if (!this.#stream.destroyed) this.#stream.end();
  }

  async *messages(): AsyncGenerator<Buffer> {
    try {
      yield* messagesOf(this.#stream);
    } catch (error) {
      this.#error ??= error;
    }
    this.#signal.throwIfAborted();
    if (Object.keys(this.#trailers).length === 0) throw isOver(this.#name, this.#error);
    const failure = findFailure(this.#trailers);
    if (failure !== undefined) throw failure;
  }

  [Symbol.dispose](): void {
    if (!this.#stream.destroyed) this.#stream.close(http2().constants.NGHTTP2_CANCEL);
  }
}

function isOver(name: string, cause?: unknown): Fault {
  return new Fault("unavailable", `${name} is over`, { cause });
}
