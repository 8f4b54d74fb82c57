import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { HeadDeadlines } from "#host/head-deadline.ts";
import { createServer, https } from "#host/http.ts";
import { listenOnTcp } from "#host/listen-tcp.ts";
import type { Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { apiVersions, formatVersion, parseVersion } from "#api/docker/versions.ts";
import type { TcpSecurity, TlsFiles } from "#base/access.ts";
import { messageOf } from "#base/fault.ts";
import type { ListenAddress } from "#base/listen-address.ts";
import type { Log } from "#base/log.ts";
import type { Authorization } from "#engine/authorization/authorization.ts";
import { type Answer, empty, type HeaderPairs } from "./answer.ts";
import { Call, type Connection, type Handler, type Route } from "./call.ts";
import { errorAnswer, isUnexpected, messageAnswer } from "./errors.ts";
import { passGate } from "./gate.ts";
import { answerOnSocket, DockerRequest, responseHead } from "./hijack.ts";
import { isUnixSocket, listenOnDescriptor, listenOnSocket, plaintextRefusal } from "./listen.ts";
import { findStrayInput } from "./stray-input.ts";
import { Router } from "./router.ts";
import { writeAnswer } from "./write-answer.ts";

const MAX_HEADER_BYTES = 256 * 1024;
const CLOSE_GRACE_MS = 2000;
const IDLE_MS = 3000;

const httpOptions = {
  IncomingMessage: DockerRequest,
  maxHeaderSize: MAX_HEADER_BYTES,
  requireHostHeader: false,
  // Streams last for days and uploads for hours: the only clock is the one of HeadDeadlines, for strangers.
  requestTimeout: 0,
  headersTimeout: 0,
  keepAliveTimeout: 0,
  connectionsCheckingInterval: 2 ** 31 - 1,
};

/** Serves routes over HTTP/1.1 on unix and TCP sockets, with the headers, versions and error texts of Docker's daemon. */
export class DockerServer implements AsyncDisposable {
  readonly #router: Router;
  readonly #log: Log;
  readonly #authorization: Authorization | undefined;
  readonly #common: HeaderPairs;
  readonly #lifetime = new AbortController();
  /** Started anew by every answer. */
  readonly #idle: NodeJS.Timeout;
  readonly #servers: { readonly server: Server; readonly remove: () => Promise<void> }[] = [];
  readonly #tlsServers: { readonly server: TlsServer; readonly files: TlsFiles }[] = [];
  readonly #sockets = new Set<Socket>();
  /** Connections that are streams now and nobody's request any more. */
  readonly #taken = new Set<Duplex>();
  /** An answer is on its way on these. */
  readonly #answering = new WeakSet<Socket>();
  readonly #deadlines = new HeadDeadlines();

  /** @param deps.version of the engine, for the `Server` header */
  constructor(deps: {
    readonly routes: readonly Route[];
    readonly version: string;
    readonly log: Log;
    /** Asked about every request that has a route. */
    readonly authorization?: Authorization;
    /** Called once when nothing has been answered for {@link IDLE_MS} after something was. */
    readonly whenIdle?: () => void;
  }) {
    this.#router = new Router(deps.routes);
    this.#log = deps.log;
    this.#authorization = deps.authorization;
    this.#idle = setTimeout(deps.whenIdle ?? (() => {}), IDLE_MS).unref();
    this.#common = [
      "Api-Version",
      formatVersion(apiVersions.advertised),
      "Docker-Experimental",
      "false",
      "Ostype",
      "linux",
      "Server",
      `Docker/${deps.version} (linux)`,
    ];
  }

  /** @throws {Fault} `conflict` when another daemon answers on the socket */
  async listen(path: string): Promise<void> {
    const server = this.#createServer();
    const remove = await listenOnSocket(server, path);
    this.#servers.push({ server, remove });
  }

  /**
   * As `listen`, on any address. What TCP connections have to be like does not concern unix sockets.
   *
   * @throws {Fault} `conflict` when the address is taken, `invalid` when it is none of this machine's, a file makes no sense, or
   * it is of TCP and that is refused
   */
  async listenOn(address: ListenAddress, tcp: TcpSecurity): Promise<void> {
    if (address.kind === "unix") return await this.listen(address.path);
    const isLocal = address.kind === "descriptor" && isUnixSocket(address.descriptor);
    const server = isLocal ? this.#createServer() : await this.#createTcpServer(address, tcp);
    if (address.kind === "tcp") await listenOnTcp(server, address.host, address.port);
    else await listenOnDescriptor(server, address.descriptor);
    this.#servers.push({ server, remove: async () => {} });
  }

  /**
   * Reads the files of TLS again, for connections from now on.
   *
   * @throws {Fault} `invalid` when one makes no sense; the old ones stay in use then
   */
  async reloadTls(): Promise<void> {
    const { readTlsOptions } = await import("#host/server-tls.ts");
    const read = this.#tlsServers.map(({ server, files }) => ({ server, options: readTlsOptions(files) }));
    for (const { server, options } of read) server.setSecureContext(options);
  }

  /** Removes the sockets, cuts streams, and lets answers under way finish for two seconds. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map(({ remove }) => remove()));
    const closed = Promise.all(
      this.#servers.map(({ server }) => new Promise((resolve) => server.close(resolve))),
    );
    this.#lifetime.abort();
    clearTimeout(this.#idle);
    for (const connection of this.#taken) connection.destroy();
    for (const { server } of this.#servers) server.closeIdleConnections();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, CLOSE_GRACE_MS);
    await closed;
    clearTimeout(timer);
  }

  #createServer(): Server {
    const server = createServer(httpOptions, (request, response) => void this.#serve(request, response));
    this.#attend(server);
    return server;
  }

  async #createTcpServer(address: ListenAddress, tcp: TcpSecurity): Promise<Server> {
    if (tcp.kind === "refused") throw plaintextRefusal(address);
    const server = tcp.kind === "plain" ? this.#createServer() : await this.#createTlsServer(tcp.files);
    server.on(tcp.kind === "plain" ? "connection" : "secureConnection", (connection: Socket) =>
      this.#deadlines.begin(connection),
    );
    return server;
  }

  async #createTlsServer(files: TlsFiles): Promise<Server> {
    const { readTlsOptions } = await import("#host/server-tls.ts");
    const server = https().createServer(
      // Clients close their half of a stream and read on, as they do without TLS.
      { ...httpOptions, ...readTlsOptions(files), allowHalfOpen: true },
      (request, response) => void this.#serve(request, response),
    );
    this.#attend(server);
    this.#tlsServers.push({ server, files });
    return server;
  }

  #attend(server: Server): void {
    server.on("upgrade", (request: IncomingMessage, connection: Duplex, rest: Buffer) => {
      if (rest.length > 0) connection.unshift(rest);
      void this.#serveTakeOver(request, connection);
    });
    server.on("clientError", (error: Error & ClientError, socket: Socket) =>
      this.#onClientError(error, socket),
    );
    server.on("connection", (socket: Socket) => this.#keep(socket));
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {}); // the client has left
    this.#answering.add(request.socket);
    this.#deadlines.met(request.socket);
    const { answer, call } = await this.#answer(request, response);
    await writeAnswer(response, answer, this.#common, this.#log);
    this.#answering.delete(request.socket);
    this.#deadlines.beginNext(request.socket);
    this.#idle.refresh();
    call?.finish();
    if (this.#lifetime.signal.aborted) request.socket.destroySoon(); // it would stay open, idle
  }

  async #serveTakeOver(request: IncomingMessage, connection: Duplex): Promise<void> {
    connection.on("error", () => {}); // the client has left
    this.#taken.add(connection);
    this.#deadlines.met(connection);
    connection.once("close", () => this.#taken.delete(connection));
    const { answer, call } = await this.#answer(request, connection);
    await answerOnSocket(request, connection, answer, this.#common, this.#log);
    this.#idle.refresh();
    call?.finish();
  }

  /** Never throws. */
  async #answer(
    request: IncomingMessage,
    connection: Connection,
  ): Promise<{ readonly answer: Answer; readonly call?: Call }> {
    try {
      const found = this.#route(request);
      if (!("handle" in found)) return { answer: found };
      if (this.#authorization === undefined) return await this.#call(found, request, connection);
      const passed = await passGate(this.#authorization, request, {
        common: this.#common,
        hasSecretBody: found.path === "/auth",
        signal: this.#lifetime.signal,
      });
      const { answer, call } = await this.#call(found, passed.request, connection);
      return { answer: await passed.check(answer), call };
    } catch (error) {
      return { answer: this.#failed(request, error) };
    }
  }

  async #call(
    { handle, name, search, version }: Found,
    request: IncomingMessage,
    connection: Connection,
  ): Promise<{ readonly answer: Answer; readonly call: Call }> {
    const lifetime = this.#lifetime.signal;
    const call = new Call({ request, connection, name, search, version, lifetime });
    try {
      return { answer: await handle(call), call };
    } catch (error) {
      return { answer: this.#failed(request, error), call };
    }
  }

  #failed(request: IncomingMessage, error: unknown): Answer {
    const hasLeft = request.destroyed && !request.complete; // in the middle of its body: nobody's failure
    if (isUnexpected(error) && !hasLeft)
      this.#log.error("request failed", {
        method: request.method,
        url: request.url,
        error: messageOf(error),
        stack: error instanceof Error ? error.stack : undefined,
      });
    return errorAnswer(error);
  }

  #route(request: IncomingMessage): Answer | Found {
    const { method = "GET", url = "/" } = request;
    const target = splitTarget(url);
    if (target === undefined) return messageAnswer(400, "malformed path");
    if (method === "OPTIONS") return empty(200);
    if (target.path.includes("//") || /\/\.\.?(\/|$)/.test(target.path))
      return { kind: "empty", status: 301, headers: ["Location", cleanPath(target.path)] };
    const match = this.#router.find(method, target.path);
    if (match === undefined) return messageAnswer(404, "page not found");
    const version = target.version === undefined ? apiVersions.advertised : parseVersion(target.version);
    return { ...match, path: target.path, search: target.search, version };
  }

  #onClientError(error: Error & ClientError, socket: Socket): void {
    const stray = findStrayInput(error, socket);
    if (stray !== undefined) {
      this.#keep(socket);
      if (stray.rest.length > 0) socket.unshift(stray.rest);
      void this.#serveTakeOver(stray.request, socket);
      return;
    }
    const isHttp = error.code?.startsWith("HPE_") ?? false; // and no broken connection or handshake
    if (!socket.writable || this.#answering.has(socket) || !isHttp) {
      socket.destroy();
      return;
    }
    const status =
      error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
    const body = `${JSON.stringify({ message: status.slice(4) })}\n`;
    const length = String(body.length);
    socket.end(
      responseHead(status, [
        ...this.#common,
        "Content-Type",
        "application/json",
        "Content-Length",
        length,
        "Connection",
        "close",
      ]) + body,
      () => socket.destroy(),
    );
  }
}

export interface ClientError {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

interface Found {
  readonly handle: Handler;
  readonly name: string;
  readonly path: string;
  readonly search: string;
  readonly version: number;
}

interface Target {
  readonly path: string;
  readonly search: string;
  /** Of the `/v1.NN` prefix. */
  readonly version: string | undefined;
}

/** Undefined when the path's percent signs make no sense. */
function splitTarget(url: string): Target | undefined {
  const mark = url.indexOf("?");
  const search = mark < 0 ? "" : url.slice(mark + 1);
  let path = mark < 0 ? url : url.slice(0, mark);
  if (path.includes("%")) {
    try {
      path = decodeURIComponent(path);
    } catch {
      return undefined;
    }
  }
  if (!path.startsWith("/v")) return { path, search, version: undefined };
  const prefix = /^\/v([0-9.]+)(?=\/)/.exec(path);
  return prefix === null
    ? { path, search, version: undefined }
    : { path: path.slice(prefix[0].length), search, version: prefix[1] };
}

function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(encodeURIComponent(part));
  }
  return `/${parts.join("/")}`;
}
