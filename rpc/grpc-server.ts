import type { Duplex } from "node:stream";
import { once } from "node:events";
import type { Codec } from "#base/protobuf.ts";
import { Fault, messageOf } from "#base/fault.ts";
import { http2, type ServerHttp2Stream } from "#host/http2.ts";
import { framed, messagesOf } from "./frames.ts";
import { RpcError, codes, statusOf, trailersOf } from "./status.ts";

/** One call, as a method sees it. */
export interface ServerCall {
  /** Of the request's headers; the first value, or none as an empty text. */
  readonly metadata: (name: string) => string;
  /** All values. */
  readonly metadataList: (name: string) => readonly string[];
  readonly messages: AsyncIterable<Buffer>;
  /** Settles when the client can take more. @throws when the call is over */
  send(message: Uint8Array): Promise<void>;
  /** Headers that go out before the first message. */
  open(headers: Readonly<Record<string, string>>): void;
  /** Aborted when the client gives the call up or leaves. */
  readonly signal: AbortSignal;
}

export type Method = (call: ServerCall) => Promise<void>;

/** By path, `/package.Service/Method`. */
export type Methods = ReadonlyMap<string, Method>;

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

/** A method with one message in and one out. */
export function unary<Request, Response>(
  request: Codec<Request>,
  response: Codec<Response>,
  answer: (request: Request, call: ServerCall) => Promise<Partial<Response>> | Partial<Response>,
): Method {
  return async (call) => {
    await call.send(response.encode(await answer(await onlyMessage(request, call), call)));
  };
}

/** A method with one message in and any number out. */
export function streaming<Request, Response>(
  request: Codec<Request>,
  response: Codec<Response>,
  answer: (
    request: Request,
    send: (message: Partial<Response>) => Promise<void>,
    call: ServerCall,
  ) => Promise<void>,
): Method {
  return async (call) => {
    const asked = await onlyMessage(request, call);
    call.open({ "buildkit-current-timestamp": new Date().toISOString() });
    await answer(asked, (message) => call.send(response.encode(message)), call);
  };
}

async function onlyMessage<T>(codec: Codec<T>, { messages }: ServerCall): Promise<T> {
  for await (const message of messages) return decoded(codec, message);
  throw new RpcError({ code: codes.internal, message: "grpc: no message", details: [] });
}

function decoded<T>(codec: Codec<T>, message: Uint8Array): T {
  try {
    return codec.decode(message);
  } catch (error) {
    throw new RpcError({ code: codes.internal, message: `grpc: ${messageOf(error)}`, details: [] });
  }
}
