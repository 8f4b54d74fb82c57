import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "node:https";
import type { Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import type { Duplex } from "node:stream";
import type { Log } from "#base/log.ts";
import { HeadDeadlines } from "#host/head-deadline.ts";
import { https } from "#host/http.ts";
import { listenOnTcp } from "#host/listen-tcp.ts";
import type { AuditLog } from "#hypervisor/access/audit-log.ts";
import { type AccessDeps, authenticate, type GivenCredentials } from "./authenticate.ts";
import { failureOf } from "./errors.ts";
import { findRoute } from "./find-route.ts";
import { readBody } from "./read-body.ts";
import type { Caller, Route } from "./route.ts";
import { Router } from "./router.ts";
import { writeReply } from "./write-reply.ts";

const maxHeaderBytes = 32 << 10;
const closeGraceMs = 2000;
const idleMs = 5000;
const readOnMs = 2000;
const httpOptions = {
  maxHeaderSize: maxHeaderBytes,
  // Uploads last for hours: the only clock is the one of HeadDeadlines.
  requestTimeout: 0,
  headersTimeout: 0,
  keepAliveTimeout: 60_000,
};

/** Takes a connection over, for a console. */
export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer, caller: Caller) => void;

/** Serves routes over HTTPS, with the shapes and statuses of HyperCore. */
export class RestServer implements AsyncDisposable {
  readonly #router: Router;
  readonly #access: AccessDeps;
  readonly #audit: AuditLog;
  readonly #log: Log;
  readonly #upgrade: Upgrade;
  readonly #lifetime = new AbortController();
  readonly #sockets = new Set<Socket>();
  readonly #deadlines = new HeadDeadlines();
  readonly #idle: NodeJS.Timeout;
  #server: Server | undefined;

  constructor(deps: {
    readonly routes: readonly Route[];
    readonly access: AccessDeps;
    readonly audit: AuditLog;
    readonly log: Log;
    readonly upgrade: Upgrade;
    /** Called once when there has been no request for a while. */
    readonly whenIdle: () => void;
  }) {
    this.#idle = setTimeout(deps.whenIdle, idleMs).unref();
    this.#router = new Router(deps.routes);
    this.#access = deps.access;
    this.#audit = deps.audit;
    this.#log = deps.log;
    this.#upgrade = deps.upgrade;
  }

  /** @throws {Fault} `conflict` when the address is taken, `invalid` when it is none of this machine's */
  async listen(host: string, port: number, tls: TlsOptions): Promise<void> {
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response);
    const server = https().createServer({ ...httpOptions, ...tls }, serve);
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("secureConnection", (socket: Socket) => this.#deadlines.begin(socket));
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#deadlines.met(socket);
      void this.#takeOver(request, socket, head);
    });
    server.on("clientError", (_error, socket: Duplex) => {
      if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    });
    await listenOnTcp(server, host, port);
    this.#server = server;
  }

  /** Where it listens. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** New connections get the new certificate. */
  useTls(tls: TlsOptions): void {
    this.#server?.setSecureContext(tls);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lifetime.abort();
    clearTimeout(this.#idle);
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, closeGraceMs);
    await closed;
    clearTimeout(timer);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A request whose body was not read to its end has none by the time of its answer.
    const { socket } = request;
    this.#deadlines.met(socket);
    const left = new AbortController();
    response.once("close", () => {
      left.abort();
      if (!this.#lifetime.signal.aborted) this.#idle.refresh();
      this.#deadlines.beginNext(socket);
    });
    const signal = AbortSignal.any([left.signal, this.#lifetime.signal]);
    const { method = "GET", url = "/" } = request;
    let caller: Caller = { address: socket.remoteAddress ?? "", sessionID: "" };
    let body: unknown;
    let status = 200;
    try {
      const { route, params, query } = findRoute(this.#router, method, url);
      if (route.needs !== "open")
        caller = await authenticate(this.#access, credentialsOf(request), route.needs);
      const given = await readBody(route.body, request);
      body = given.body;
      writeReply(response, 200, await route.handle({ params, query, ...given, caller, signal }));
    } catch (error) {
      const failure = failureOf(error);
      ({ status } = failure);
      if (failure.isUnexpected && !signal.aborted) this.#log.error("request failed", { method, url, error });
      const isCut = hasBody(request) && !request.complete;
      const headers = { ...failure.headers, ...(isCut && { Connection: "close" }) };
      writeReply(response, status, { value: { error: failure.error }, headers });
      if (isCut) response.once("finish", () => readOn(request, socket));
    }
    if (method !== "GET")
      this.#audit.add({
        user: caller.user?.username ?? "",
        address: caller.address,
        method,
        path: url,
        status,
        body,
      });
  }

  async #takeOver(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", () => socket.destroy());
    try {
      const caller = await authenticate(this.#access, credentialsOf(request), "vm-power");
      this.#upgrade(request, socket, head, caller);
    } catch (error) {
      const { status, headers } = failureOf(error);
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join("")}Connection: close\r\n\r\n`);
    }
  }
}

/**
 * Nothing can follow a refused body on its connection. What is left of it is read for a moment: a client that writes first and reads
 * then would not see the answer on one that is reset.
 */
function readOn(request: IncomingMessage, socket: Socket): void {
  const end = () => socket.destroySoon();
  const timer = setTimeout(end, readOnMs).unref();
  socket.once("close", () => clearTimeout(timer));
  request.once("end", end).resume();
}

function hasBody({ headers }: IncomingMessage): boolean {
  return (headers["content-length"] ?? "0") !== "0" || headers["transfer-encoding"] !== undefined;
}

function credentialsOf({ headers, socket }: IncomingMessage): GivenCredentials {
  const { authorization, cookie } = headers;
  return { address: socket.remoteAddress ?? "", authorization, cookie };
}
