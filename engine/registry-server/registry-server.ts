import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { isFault, messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { RegistryServerSettings } from "#base/registry-server-settings.ts";
import { HeadDeadlines } from "#host/head-deadline.ts";
import { createServer, https } from "#host/http.ts";
import { listenOnTcp } from "#host/listen-tcp.ts";
import { type Answer, empty, json } from "./answer.ts";
import { errorAnswer, isUnexpected } from "./error-answer.ts";
import { Gatekeeper, type Right, tokenPath } from "./gatekeeper.ts";
import { Passwords } from "./passwords.ts";
import { refusal } from "./refusal.ts";
import type { Registry } from "./registry.ts";
import { serveResource } from "./requests.ts";
import { findResource, type Resource } from "./route.ts";
import { bodyOf, sendAnswer } from "./exchange.ts";

const MAX_HEADER_BYTES = 32 * 1024;
/** Of silence, after which nobody is there: on a connection that brings a body, or takes one. */
const SILENCE_MS = 300_000;
const CLOSE_GRACE_MS = 2000;
const IDLE_MS = 3000;

const httpOptions = {
  maxHeaderSize: MAX_HEADER_BYTES,
  // Uploads last for hours: the clocks are HeadDeadlines and the one of silence.
  requestTimeout: 0,
  headersTimeout: 0,
  keepAliveTimeout: 0,
  connectionsCheckingInterval: 2 ** 31 - 1,
};

const notFound: Answer = {
  status: 404,
  headers: { "Content-Type": "text/plain; charset=utf-8" },
  body: Buffer.from("404 page not found\n"),
};

export interface RegistryServerDeps {
  readonly registry: Registry;
  readonly settings: RegistryServerSettings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
  /** Called once when nothing has been answered for {@link IDLE_MS} after something was. */
  readonly whenIdle: () => void;
}

/** Serves a registry by HTTP/1.1, over TLS where there is a certificate. */
export class RegistryServer implements AsyncDisposable {
  readonly #deps: RegistryServerDeps;
  readonly #server: Server;
  readonly #passwords: Passwords | undefined;
  readonly #gatekeeper: Gatekeeper;
  readonly #deadlines = new HeadDeadlines();
  readonly #sockets = new Set<Socket>();
  readonly #lifetime = new AbortController();
  /** Started anew by every answer. */
  readonly #idle: NodeJS.Timeout;

  /** @throws {Fault} `invalid` for files that make no sense, and as listenOnTcp */
  static async open(deps: RegistryServerDeps): Promise<RegistryServer> {
    const { listen, tls, passwords: path } = deps.settings;
    const passwords = path === undefined ? undefined : new Passwords(path, deps.log);
    const secure = tls === undefined ? undefined : (await import("#host/server-tls.ts")).readTlsOptions(tls);
    const server =
      secure === undefined ? createServer(httpOptions) : https().createServer({ ...httpOptions, ...secure });
    const served = new RegistryServer(deps, server, passwords);
    await listenOnTcp(server, listen.host, listen.port);
    return served;
  }

  private constructor(deps: RegistryServerDeps, server: Server, passwords: Passwords | undefined) {
    this.#deps = deps;
    this.#server = server;
    this.#passwords = passwords;
    this.#gatekeeper = new Gatekeeper({ passwords, anonymous: deps.settings.anonymous, now: deps.now });
    this.#idle = setTimeout(deps.whenIdle, IDLE_MS).unref();
    this.#attend();
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Reads the files of TLS again, for connections from now on. @throws {Fault} `invalid`; the old ones stay in use then */
  async reloadTls(): Promise<void> {
    const { tls } = this.#deps.settings;
    if (tls === undefined) return;
    const { readTlsOptions } = await import("#host/server-tls.ts");
    (this.#server as TlsServer).setSecureContext(readTlsOptions(tls));
  }

  /** Answers under way have two seconds to finish. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#lifetime.abort();
    clearTimeout(this.#idle);
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, CLOSE_GRACE_MS);
    await closed;
    clearTimeout(timer);
    await this.#passwords?.[Symbol.asyncDispose]();
  }

  #attend(): void {
    const server = this.#server;
    const isSecure = this.#deps.settings.tls !== undefined;
    server.on("request", (request, response) => void this.#serve(request, response, false));
    server.on("checkContinue", (request, response) => void this.#serve(request, response, true));
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on(isSecure ? "secureConnection" : "connection", (socket: Socket) => {
      this.#deadlines.begin(socket);
      socket.setTimeout(SILENCE_MS, () => socket.destroy());
    });
  }

  /** Never throws. */
  async #serve(request: IncomingMessage, response: ServerResponse, waitsForContinue: boolean): Promise<void> {
    this.#deadlines.met(request.socket);
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#lifetime.signal]);
    const body = () => bodyOf(request, response, waitsForContinue);
    try {
      const answer = await this.#answer(request, body, signal);
      await sendAnswer(request, response, answer);
    } catch (error) {
      // The head is out: that the connection ends says that the rest is missing.
      if (!response.destroyed)
        this.#deps.log.warn("answer broken off", { url: request.url, error: messageOf(error) });
      request.socket.destroy();
      return;
    }
    this.#deadlines.beginNext(request.socket);
    if (!this.#lifetime.signal.aborted) this.#idle.refresh();
  }

  async #answer(
    message: IncomingMessage,
    body: () => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { method = "GET", url = "/" } = message;
    const mark = url.indexOf("?");
    const path = mark < 0 ? url : url.slice(0, mark);
    const right = method === "GET" || method === "HEAD" ? "read" : "write";
    let resource: Resource = { kind: "base" };
    try {
      if (path === tokenPath && this.#gatekeeper.givesTokens) return await this.#token(message);
      const found = findResource(path);
      if (found === undefined) return path === "/" ? empty(200) : notFound;
      resource = found;
      if (right === "write" && message.headers.origin !== undefined)
        throw refusal("DENIED", "pages in a browser change nothing here");
      await this.#gatekeeper.admit(message, resource, resource.kind === "upload" ? "write" : right);
      const query = new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
      return await serveResource(
        { registry: this.#deps.registry, method, path, query, message, body, signal },
        resource,
      );
    } catch (error) {
      return this.#failed(message, error, resource, right);
    }
  }

  async #token(message: IncomingMessage): Promise<Answer> {
    if (message.method !== "GET") throw refusal("UNSUPPORTED", "tokens are asked for by GET");
    return json(await this.#gatekeeper.giveToken(message), { "Cache-Control": "no-store" });
  }

  #failed(message: IncomingMessage, error: unknown, resource: Resource, right: Right): Answer {
    const hasLeft = message.destroyed && !message.complete; // in the middle of its body: nobody's failure
    const { method, url } = message;
    if (isUnexpected(error) && !hasLeft && !this.#lifetime.signal.aborted)
      this.#deps.log.error("request to the registry failed", {
        method,
        url,
        error: messageOf(error),
        stack: error instanceof Error ? error.stack : undefined,
      });
    const answer = errorAnswer(error);
    if (answer.status !== 401) return answer;
    const isDenied = isFault(error) && error.detail["code"] === "DENIED";
    const origin = originOf(message, this.port);
    const isTokenPath = url?.startsWith(tokenPath) ?? false;
    const challenge = isTokenPath
      ? 'Basic realm="Gantry registry"'
      : this.#gatekeeper.challenge({ origin, resource, right, isDenied });
    return { ...answer, headers: { ...answer.headers, "WWW-Authenticate": challenge } };
  }
}

/** Where the client has reached us, as far as it says so: that is where it comes back to for a token. */
function originOf({ headers, socket }: IncomingMessage, port: number): URL {
  const isSecure = (socket as TLSSocket).encrypted || headers["x-forwarded-proto"] === "https";
  const scheme = isSecure ? "https" : "http";
  const host = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/.exec(headers.host ?? "")?.[0];
  return URL.parse(`${scheme}://${host ?? `localhost:${port}`}`) ?? new URL(`${scheme}://localhost:${port}`);
}
