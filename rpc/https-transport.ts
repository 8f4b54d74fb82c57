import { once } from "node:events";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { Fault, messageOf } from "#base/fault.ts";
import { untilAborted } from "#base/until-aborted.ts";
import { http1Transport } from "#client/http1.ts";
import type { Transport, TransportRequest, TransportResponse } from "#client/transport.ts";
import { type ClientHttp2Session, type ClientHttp2Stream, http2 } from "#host/http2.ts";
import { duplexConnection } from "./duplex-connection.ts";

export interface HttpsEndpoint {
  readonly host: string;
  readonly port: number;
  /** PEM. Absent: the machine's authorities. */
  readonly ca?: string;
  /** PEM of the client's certificate and key; asked for at each connection, so that they can be renewed. */
  readonly credentials?: () => { readonly cert: string; readonly key: string } | undefined;
}

export interface HttpsTransport extends Transport, AsyncDisposable {}

const windowBytes = 1 << 20;
const connectTimeoutMs = 10_000;
const pingEveryMs = 30_000;

/** Bun's HTTP/2 never opens a window again: an answer stands still after the first megabyte. */
const hasHttp2 = process.versions["bun"] === undefined;

/**
 * Requests to a server over TLS: all of them on one HTTP/2 connection, which is made when it is needed, and made again when it
 * has broken; on another one as well when the server takes no more streams on those there are. A connection that stops answering
 * pings is given up. What is hijacked gets an HTTP/1.1 connection of its own, and so does every request where the run-time has no
 * HTTP/2 that works.
 */
export function httpsTransport(endpoint: HttpsEndpoint): HttpsTransport {
  const sessions = new Sessions(endpoint);
  const options = { headers: { Host: `${endpoint.host}:${endpoint.port}` } };
  const open = (signal: AbortSignal) => connect(endpoint, "http/1.1", signal);
  const hijacking = http1Transport(async (signal) => duplexConnection(await open(signal)), options);
  const single = http1Transport(async (signal) => {
    const socket = await open(signal);
    signal.addEventListener("abort", () => socket.destroy(), { once: true });
    return duplexConnection(socket);
  }, options);
  return {
    async send(request, signal) {
      if (!hasHttp2) return await single.send(request, signal);
      signal.throwIfAborted();
      const session = await sessions.enter(signal);
      return await send(session.session, request, signal, () => sessions.leave(session));
    },
    hijack: (request, signal) => hijacking.hijack(request, signal),
    [Symbol.asyncDispose]: () => sessions.close(),
  };
}

/** Until the server has said how many streams it takes. @see RFC 9113, 6.5.2 */
const firstStreamsMost = 100;

/** A connection that takes a request more. */
interface Session {
  readonly session: ClientHttp2Session;
  streams: number;
  streamsMost: number;
}

class Sessions {
  readonly #endpoint: HttpsEndpoint;
  readonly #sessions = new Set<Session>();
  #opening: Promise<Session> | undefined;
  #isClosed = false;

  constructor(endpoint: HttpsEndpoint) {
    this.#endpoint = endpoint;
  }

  /** Takes a stream's place on it, until {@link leave}. */
  async enter(signal: AbortSignal): Promise<Session> {
    for (;;) {
      if (this.#isClosed) throw new Fault("unavailable", "the client is closed");
      const free = this.#free();
      if (free !== undefined) {
        free.streams++;
        return free;
      }
      this.#opening ??= this.#open();
      await untilAborted(this.#opening, signal);
    }
  }

  /** What was opened for a burst goes when nobody is on it any more. */
  leave(left: Session): void {
    left.streams--;
    if (left.streams === 0 && this.#sessions.size > 1) left.session.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => undefined);
    for (const { session } of this.#sessions) session.destroy();
  }

  #free(): Session | undefined {
    for (const one of this.#sessions)
      if (one.streams < one.streamsMost && !one.session.closed && !one.session.destroyed) return one;
    return undefined;
  }

  async #open(): Promise<Session> {
    try {
      const socket = await connect(this.#endpoint, "h2", AbortSignal.timeout(connectTimeoutMs));
      const session = sessionOver(socket, this.#endpoint);
      const opened: Session = { session, streams: 0, streamsMost: firstStreamsMost };
      session.on("remoteSettings", ({ maxConcurrentStreams = firstStreamsMost }) => {
        opened.streamsMost = maxConcurrentStreams;
      });
      session.once("close", () => this.#sessions.delete(opened));
      // Those that wait for it are more than a few, maybe more than it takes.
      if (this.#sessions.size > 0) await settled(session);
      this.#sessions.add(opened);
      return opened;
    } finally {
      this.#opening = undefined;
    }
  }
}

/** Resolves when the server has said what it takes. */
async function settled(session: ClientHttp2Session): Promise<void> {
  try {
    await once(session, "remoteSettings", { signal: AbortSignal.timeout(connectTimeoutMs) });
  } catch (error) {
    session.destroy();
    throw error;
  }
}

function sessionOver(socket: TLSSocket, { host, port }: HttpsEndpoint): ClientHttp2Session {
  const session = http2().connect(`https://${host}:${port}`, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: windowBytes },
  });
  session.on("error", () => session.destroy());
  session.on("goaway", () => session.close());
  session.once("connect", () => session.setLocalWindowSize(16 * windowBytes));
  const ping = setInterval(() => pingOrEnd(session), pingEveryMs).unref();
  session.once("close", () => clearInterval(ping));
  return session;
}

/** A machine that has gone sends no end of a connection: without an answer until the next ping it is over. */
function pingOrEnd(session: ClientHttp2Session): void {
  if (session.destroyed) return;
  const late = setTimeout(() => session.destroy(), pingEveryMs / 2).unref();
  if (!session.ping(() => clearTimeout(late))) clearTimeout(late);
}

async function connect(endpoint: HttpsEndpoint, protocol: string, signal: AbortSignal): Promise<TLSSocket> {
  const tls = process.getBuiltinModule("node:tls");
  const { host, port, ca, credentials } = endpoint;
  const options: ConnectionOptions = {
    host,
    port,
    ALPNProtocols: [protocol],
    minVersion: "TLSv1.2",
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    ...(ca === undefined ? {} : { ca }),
    ...credentials?.(),
  };
  const socket = tls.connect(options);
  try {
    await once(socket, "secureConnect", { signal });
    socket.setNoDelay(true);
    return socket;
  } catch (cause) {
    socket.destroy();
    throw new Fault("unavailable", `cannot connect to https://${host}:${port}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

async function send(
  session: ClientHttp2Session,
  { method, path, headers, body }: TransportRequest,
  signal: AbortSignal,
  leave: () => void,
): Promise<TransportResponse> {
  const lower: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(headers ?? {})) lower[name.toLowerCase()] = value;
  const wanted = {
    ":method": method,
    ":path": path,
    ...lower,
    ...(body === undefined ? {} : { "content-type": body.type }),
  } as Record<string, string>;
  const stream = requestOn(session, wanted, { signal, endStream: body === undefined }, leave);
  const head = Promise.withResolvers<Record<string, string | string[] | undefined>>();
  stream.on("response", (answer) => head.resolve(answer as Record<string, string>));
  stream.on("error", (error) => head.reject(error));
  stream.on("close", () => head.reject(new Error("the connection was closed")));
  if (body !== undefined) void upload(stream, body.bytes);
  try {
    return responseOf(await head.promise, bodyOf(stream));
  } catch (cause) {
    stream.destroy();
    if (signal.aborted) throw signal.reason;
    throw new Fault("unavailable", `no answer: ${messageOf(cause)}`, { cause });
  }
}

function requestOn(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  options: { readonly signal: AbortSignal; readonly endStream: boolean },
  leave: () => void,
): ClientHttp2Stream {
  try {
    const stream = session.request(headers, options);
    stream.once("close", leave);
    return stream;
  } catch (error) {
    leave();
    throw error;
  }
}

async function upload(
  stream: ClientHttp2Stream,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  if (bytes instanceof Uint8Array) {
    stream.end(bytes);
    return;
  }
  try {
    for await (const chunk of bytes) if (!stream.write(chunk)) await once(stream, "drain");
    stream.end();
  } catch {
    stream.destroy();
  }
}

function responseOf(
  head: Readonly<Record<string, string | string[] | undefined>>,
  body: AsyncIterable<Uint8Array>,
): TransportResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(head))
    if (value !== undefined && !name.startsWith(":"))
      headers[name] = typeof value === "string" ? value : value.join(", ");
  return { kind: "answer", status: Number(head[":status"]), headers, body };
}

async function* bodyOf(stream: ClientHttp2Stream): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (cause) {
    if ((cause as Error).name === "AbortError") throw cause;
    throw new Fault("unavailable", messageOf(cause), { cause });
  } finally {
    stream.close();
  }
}
