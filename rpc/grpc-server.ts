import type { Duplex } from "node:stream";
import { once } from "node:events";
import { Fault } from "#base/fault.ts";
import { http2, type ServerHttp2Stream } from "#host/http2.ts";
import { framed, messagesOf } from "./frames.ts";
import type { Methods, ServerCall } from "./methods.ts";
import { codes, statusOf, trailersOf } from "./status.ts";

const maxStreams = 100;

const sessionOptions = {
  maxSessionMemory: 64,
  maxHeaderListPairs: 128,
  maxOutstandingPings: 10,
  maxSettings: 32,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  maxSendHeaderBlockLength: 1 << 20,
  streamResetBurst: 1000,
  streamResetRate: 33,
  settings: {
    maxConcurrentStreams: maxStreams,
    maxHeaderListSize: 64 << 10,
    initialWindowSize: 1 << 20,
    enablePush: false,
  },
} as const;

/**
 * Serves gRPC on a connection that has become HTTP/2, until it ends. When it does, or `signal` aborts, calls under way are aborted,
 * and it settles when all of them are over.
 */
export async function serveGrpc(socket: Duplex, methods: Methods, signal: AbortSignal): Promise<void> {
  const session = http2().performServerHandshake(socket as never, sessionOptions);
  const calls = new Set<Promise<void>>();
  const stop = () => session.destroy();
  session.on("error", () => session.destroy());
  session.on("stream", (stream, headers, _flags, rawHeaders) => {
    const call = serveCall(stream, String(headers[":path"]), rawHeaders, methods);
    calls.add(call);
    void call.then(() => calls.delete(call));
  });
  signal.addEventListener("abort", stop, { once: true });
  // HTTP/2 has no half-open connections, the API's sockets have.
  for (const event of ["end", "close"]) socket.once(event, stop);
  if (signal.aborted || socket.destroyed) stop();
  if (!session.closed && !session.destroyed) await once(session, "close");
  signal.removeEventListener("abort", stop);
  socket.destroy();
  await Promise.all(calls);
}

/** Never throws. */
async function serveCall(
  stream: ServerHttp2Stream,
  path: string,
  headers: readonly string[],
  methods: Methods,
): Promise<void> {
  const departure = new AbortController();
  stream.on("error", () => {});
  stream.once("close", () => departure.abort());
  const call = new GrpcCall(stream, headers, departure.signal);
  try {
    const method = methods.get(path);
    if (method === undefined)
      throw new Fault(
        "not-implemented",
        `unknown method ${path.split("/").at(-1)} for service ${path.split("/").at(1)}`,
      );
    await method(call);
    call.end({ "grpc-status": String(codes.ok) });
  } catch (error) {
    call.end(trailersOf(statusOf(error)));
  }
  if (!stream.closed) await once(stream, "close");
}

class GrpcCall implements ServerCall {
  readonly #stream: ServerHttp2Stream;
  readonly #headers: readonly string[];
  readonly signal: AbortSignal;
  #trailers: Record<string, string> = {};

  constructor(stream: ServerHttp2Stream, headers: readonly string[], signal: AbortSignal) {
    this.#stream = stream;
    this.#headers = headers;
    this.signal = signal;
    stream.on("wantTrailers", () => stream.sendTrailers(this.#trailers));
  }

  get messages(): AsyncIterable<Buffer> {
    return messagesOf(this.#stream);
  }

  metadata(name: string): string {
    return this.metadataList(name)[0] ?? "";
  }

  metadataList(name: string): readonly string[] {
    return this.#headers.filter((_, at) => at % 2 === 1 && this.#headers[at - 1] === name);
  }

  open(headers: Readonly<Record<string, string>>): void {
    if (this.#stream.headersSent || this.#stream.closed) return;
    this.#stream.respond(
      { ":status": 200, "content-type": "application/grpc", ...headers },
      { waitForTrailers: true },
    );
  }

  async send(message: Uint8Array): Promise<void> {
    this.signal.throwIfAborted();
    this.open({});
    if (this.#stream.write(framed(message))) return;
    await once(this.#stream, "drain", { signal: this.signal });
  }

  end(trailers: Record<string, string>): void {
    const stream = this.#stream;
    if (stream.closed || stream.destroyed) return;
    this.#trailers = trailers;
    try {
      this.open({});
      stream.end();
      stream.resume(); // what the client still sends is for nobody
    } catch {
      stream.destroy();
    }
  }
}
