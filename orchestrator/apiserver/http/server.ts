import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2SecureServer, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Connection } from "#client/transport.ts";
import type { Log } from "#base/log.ts";
import { messageOf } from "#base/fault.ts";
import { listenOnTcp } from "#host/listen-tcp.ts";
import { http2 } from "#host/http2.ts";
import { PeerCertificates } from "#orchestrator/authn/peer-certificate.ts";
import type { Credentials } from "#orchestrator/authn/user.ts";
import {
  type AnswerHeaders,
  type ApiAnswer,
  type ApiHandler,
  type ApiRequest,
  jsonAnswer,
  urlParts,
} from "../api-request.ts";
import { statusErrorOf, tooLargeBody } from "../errors.ts";
import { compressed } from "./compression.ts";

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: ServerTls;
  readonly log: Log;
}

/** All of it PEM. */
export interface ServerTls {
  readonly certificate: string;
  readonly key: string;
  /** Clients may show certificates that it vouches for. */
  readonly authority: string;
  /** Vouches for those who may speak for others. */
  readonly frontProxyAuthority: string;
}

const streamsMost = 1000;
const headMostBytes = 256 << 10;
/** A client that takes nothing for so long has gone. */
const stalledMs = 60_000;
const keepAliveMs = 30_000;
const handshakeMs = 10_000;
/** One for all: a reason of its own would be a stack trace for every request. */
const clientGone = new Error("the client has gone");

/** Serves an API over TLS, with HTTP/2 and HTTP/1.1. */
export class ApiServer implements AsyncDisposable {
  readonly #server: Http2SecureServer;
  readonly #handler: ApiHandler;
  readonly #log: Log;
  readonly #stop = new AbortController();
  readonly #sessions = new Set<{ destroy(): void }>();
  readonly #peers: Peers;
  #port = 0;

  private constructor(handler: ApiHandler, { tls, log }: ServerOptions) {
    this.#handler = handler;
    this.#log = log;
    this.#peers = new Peers(tls);
    this.#server = http2().createSecureServer({
      ...contextOf(tls),
      requestCert: true,
      // Whoever shows none may have a token.
      rejectUnauthorized: false,
      handshakeTimeout: handshakeMs,
      allowHTTP1: true,
      maxSessionMemory: 64,
      maxHeaderListPairs: 256,
      settings: { enablePush: false, maxConcurrentStreams: streamsMost, initialWindowSize: 1 << 20 },
      ...({ maxHeaderSize: headMostBytes } as object),
    });
    this.#route();
  }

  static async open(handler: ApiHandler, options: ServerOptions): Promise<ApiServer> {
    const server = new ApiServer(handler, options);
    await listenOnTcp(server.#server, options.host, options.port);
    const address = server.#server.address();
    if (typeof address === "object" && address !== null) server.#port = address.port;
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** New connections are made with it; those there are go on. */
  renewTls(tls: ServerTls): void {
    this.#server.setSecureContext(contextOf(tls));
    this.#peers.renew(tls);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const session of this.#sessions) session.destroy();
    await promise;
  }

  #route(): void {
    const server = this.#server;
    server.on("request", (request, response) => {
      void this.#serveHttp1(request as unknown as IncomingMessage, response as unknown as ServerResponse);
    });
    // `request` brings node's wrapping of HTTP/2's streams with it, which costs more than it gives.
    server.removeAllListeners("stream");
    server.on("stream", (stream, headers, _flags, raw) => {
      void this.#serveHttp2(stream as ServerHttp2Stream, headers, raw);
    });
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      void this.#serveUpgrade(request, socket, head);
    });
    server.on("session", (session) => {
      this.#track(session);
      session.on("error", () => session.destroy());
    });
    server.on("secureConnection", (socket: TLSSocket) => {
      if (socket.alpnProtocol !== "h2") this.#track(socket);
      socket.on("error", () => socket.destroy());
      socket.setNoDelay(true);
      // A client that is gone without a word is found out about.
      socket.setKeepAlive(true, keepAliveMs);
    });
    server.on("tlsClientError", (error, socket) => {
      this.#log.debug("a TLS handshake failed", { reason: messageOf(error) });
      socket.destroy();
    });
  }

  #track(one: { destroy(): void; once(event: "close", listener: () => void): unknown }): void {
    this.#sessions.add(one);
    one.once("close", () => this.#sessions.delete(one));
  }

  async #serveHttp2(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    raw: readonly string[],
  ): Promise<void> {
    const gone = new AbortController();
    stream.on("error", () => {});
    stream.once("close", () => gone.abort(clientGone));
    const { ":method": method = "GET", ":path": url = "/", ...own } = headers as Record<string, string>;
    const socket = stream.session?.socket as TLSSocket | undefined;
    const request = requestOf(this.#peers, {
      method,
      url,
      headers: own,
      body: stream,
      socket,
      signal: gone.signal,
      raw,
    });
    const answer = await this.#answer(request);
    if (stream.destroyed) return endBody(answer);
    if (answer.kind === "upgrade") return stream.close(http2().constants.NGHTTP2_HTTP_1_1_REQUIRED);
    const { status } = answer;
    stream.respond({ ":status": status, ...answer.headers, ...lengthOf(answer) } as never);
    await writeBody(answer, method, stream, gone.signal);
  }

  async #serveHttp1(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort(clientGone));
    const request = this.#http1Request(message, gone.signal);
    const answer = await this.#answer(request);
    if (response.destroyed) return endBody(answer);
    if (answer.kind === "upgrade") {
      response.writeHead(400).end("Upgrade request required");
      return;
    }
    response.writeHead(answer.status, { ...answer.headers, ...lengthOf(answer) } as never);
    if (answer.kind === "stream") response.flushHeaders();
    await writeBody(answer, request.method, response, gone.signal);
  }

  async #serveUpgrade(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const gone = new AbortController();
    socket.once("close", () => gone.abort(clientGone));
    socket.on("error", () => socket.destroy());
    if (head.length > 0) socket.unshift(head);
    const request = this.#http1Request(message, gone.signal);
    const answer = await this.#answer(request);
    if (answer.kind === "upgrade") {
      socket.write(headText(101, "Switching Protocols", answer.headers));
      await answer.run(connectionOf(socket)).catch(() => {});
      socket.destroy();
      return;
    }
    socket.write(
      headText(answer.status, "", { ...answer.headers, ...lengthOf(answer), connection: "close" }),
    );
    await writeBody(answer, request.method, socket, gone.signal);
  }

  #http1Request(message: IncomingMessage, signal: AbortSignal): ApiRequest {
    const { method = "GET", url = "/", headers, socket, rawHeaders: raw } = message;
    return requestOf(this.#peers, {
      method,
      url,
      headers,
      body: message,
      socket: socket as TLSSocket,
      signal,
      raw,
    });
  }

  async #answer(request: ApiRequest): Promise<ApiAnswer> {
    try {
      return await compressed(await this.#handler(request), request.headers["accept-encoding"]);
    } catch (error) {
      const { code, status } = statusErrorOf(error);
      return jsonAnswer(code, status);
    }
  }
}

function contextOf({ certificate, key, authority, frontProxyAuthority }: ServerTls) {
  return { cert: certificate, key, ca: [authority, frontProxyAuthority], minVersion: "TLSv1.2" as const };
}

interface Incoming {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: IncomingMessage | ServerHttp2Stream;
  readonly socket: TLSSocket | undefined;
  readonly signal: AbortSignal;
  /** Names and values, one behind the other, as they came. */
  readonly raw: readonly string[];
}

function requestOf(peers: Peers, { method, url, headers, body, socket, signal, raw }: Incoming): ApiRequest {
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) own[name] = typeof value === "string" ? value : value.join(", ");
  return {
    method,
    ...urlParts(url),
    headers: own,
    credentials: peers.credentialsOf(own, socket),
    rawHeaders: raw,
    remoteAddress: socket?.remoteAddress ?? "",
    signal,
    read: (most) => readAll(body, method, most),
    stream: () => body as AsyncIterable<Uint8Array>,
  };
}

/** What the certificates of connections say; looked at once each. */
class Peers {
  readonly #known = new WeakMap<TLSSocket, { readonly certificate?: Credentials["certificate"] }>();
  #certificates: PeerCertificates;

  constructor(tls: ServerTls) {
    this.#certificates = certificatesOf(tls);
  }

  renew(tls: ServerTls): void {
    this.#certificates = certificatesOf(tls);
  }

  credentialsOf(headers: Readonly<Record<string, string>>, socket: TLSSocket | undefined): Credentials {
    const certificate = socket === undefined ? undefined : this.#certificateOf(socket);
    const { authorization } = headers;
    return {
      ...(certificate !== undefined && { certificate }),
      ...(certificate?.isFrontProxy === true && { headers }),
      ...(authorization !== undefined && { authorization }),
    };
  }

  #certificateOf(socket: TLSSocket): Credentials["certificate"] {
    if (!socket.authorized) return undefined;
    const known = this.#known.get(socket);
    if (known !== undefined) return known.certificate;
    const { raw } = socket.getPeerCertificate();
    const certificate = raw === undefined ? undefined : this.#certificates.identify(raw);
    this.#known.set(socket, { certificate });
    return certificate;
  }
}

function certificatesOf({ authority, frontProxyAuthority }: ServerTls): PeerCertificates {
  return new PeerCertificates({ client: authority, frontProxy: frontProxyAuthority });
}

function readAll(
  body: IncomingMessage | ServerHttp2Stream,
  method: string,
  most: number,
): Promise<Uint8Array> {
  if (method === "GET" || method === "HEAD") {
    body.resume();
    return Promise.resolve(new Uint8Array());
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    body.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > most) {
        body.removeAllListeners("data");
        body.resume();
        if ("close" in body) sendNoMore(body);
        reject(tooLargeBody(most));
        return;
      }
      chunks.push(chunk);
    });
    body.once("end", () =>
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, length)),
    );
    body.once("error", reject);
    body.once("close", () => reject(clientGone));
  });
}

/** Once the answer is out, the client is told that the rest of the body is not wanted. @see RFC 9113, 8.1 */
function sendNoMore(stream: ServerHttp2Stream): void {
  stream.once("finish", () => setImmediate(() => stream.close(http2().constants.NGHTTP2_NO_ERROR)));
}

function lengthOf(answer: ApiAnswer): AnswerHeaders {
  return answer.kind === "bytes" ? { "content-length": String(answer.body.length) } : {};
}

interface Sink {
  write(chunk: Uint8Array): boolean;
  end(chunk?: Uint8Array): unknown;
  destroy(): unknown;
  readonly destroyed: boolean;
  once(event: "drain" | "close", listener: () => void): unknown;
  removeListener(event: "drain" | "close", listener: () => void): unknown;
}

async function writeBody(answer: ApiAnswer, method: string, sink: Sink, signal: AbortSignal): Promise<void> {
  if (answer.kind === "upgrade") return;
  if (method === "HEAD") {
    sink.end();
    endBody(answer);
    return;
  }
  if (answer.kind === "bytes") {
    sink.end(answer.body);
    return;
  }
  try {
    for await (const chunk of answer.body) {
      if (sink.destroyed || signal.aborted) return;
      if (!sink.write(chunk) && !(await drained(sink))) {
        sink.destroy();
        return;
      }
    }
    sink.end();
  } catch {
    // The head is out: all that can be told is that something is missing.
    sink.destroy();
  }
}

function endBody(answer: ApiAnswer): void {
  if (answer.kind !== "stream") return;
  void answer.body[Symbol.asyncIterator]().return?.();
}

/** False when the client takes nothing, or has gone. */
function drained(sink: Sink): Promise<boolean> {
  if (sink.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    const settle = (isDrained: boolean) => {
      clearTimeout(timer);
      sink.removeListener("drain", onDrain);
      sink.removeListener("close", onClose);
      resolve(isDrained);
    };
    const onDrain = () => settle(true);
    const onClose = () => settle(false);
    const timer = setTimeout(onClose, stalledMs).unref();
    sink.once("drain", onDrain);
    sink.once("close", onClose);
  });
}

function headText(status: number, reason: string, headers: AnswerHeaders): string {
  const lines = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}\r\n`),
  );
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join("")}\r\n`;
}

function connectionOf(socket: Duplex): Connection {
  return {
    incoming: socket,
    async write(bytes) {
      if (socket.destroyed) return;
      if (!socket.write(bytes)) await drained(socket);
    },
    closeWrite: () => void socket.end(),
    close: () => void socket.destroy(),
  };
}
