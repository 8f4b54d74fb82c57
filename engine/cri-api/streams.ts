import { randomBytes } from "node:crypto";
import http from "node:http";
import type { Socket } from "node:net";
import { Fault, isFault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { listenOnTcp } from "#host/listen-tcp.ts";
import { refuseUpgrade, type UpgradeRequest } from "#rpc/remote-command/upgrade.ts";

/** Deals with the connection that a token was given for. Settles when it is over. */
export type StreamHandler = (upgrade: UpgradeRequest, signal: AbortSignal) => Promise<void>;

const tokenLifeMs = 60_000;
/** More waiting at once than that is somebody who asks and never comes. */
const maxWaiting = 1000;

/**
 * The other half of Exec, Attach and PortForward: their answers are addresses here, good for one connection within a minute. It
 * listens on the loopback alone, and only once somebody has asked.
 */
export class Streams implements AsyncDisposable {
  readonly #log: Log;
  readonly #waiting = new Map<string, { readonly handle: StreamHandler; readonly timer: NodeJS.Timeout }>();
  readonly #over = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #server: Promise<http.Server> | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Returns the address to connect to. @throws {Fault} `exhausted` when too many were asked for and never used */
  async offer(kind: "exec" | "attach" | "portforward", handle: StreamHandler): Promise<string> {
    if (this.#waiting.size >= maxWaiting)
      throw new Fault("exhausted", "maximum number of in-flight requests exceeded");
    const server = await (this.#server ??= this.#listen());
    const token = randomBytes(16).toString("base64url");
    const timer = setTimeout(() => this.#waiting.delete(token), tokenLifeMs).unref();
    this.#waiting.set(token, { handle, timer });
    const address = server.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    return `http://127.0.0.1:${port}/${kind}/${token}`;
  }

  async #listen(): Promise<http.Server> {
    const server = http.createServer((request, response) => {
      request.resume();
      response.writeHead(400, { "Content-Type": "text/plain", Connection: "close" });
      response.end("unable to upgrade: this is no request to upgrade\n");
    });
    server.on("upgrade", (request, socket, head) => {
      const work = this.#take({ request, socket, head });
      this.#running.add(work);
      void work.then(() => this.#running.delete(work));
    });
    server.on("clientError", (_error, socket) => socket.destroy());
    await listenOnTcp(server, "127.0.0.1", 0);
    return server;
  }

  async #take(upgrade: UpgradeRequest): Promise<void> {
    const { request, socket } = upgrade;
    socket.on("error", () => {}); // `close` follows
    (socket as Socket).setNoDelay?.(true);
    const token = new URL(request.url ?? "/", "http://localhost").pathname.split("/").at(-1) ?? "";
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return refuseUpgrade(socket, "404 Not Found", "unknown or used token");
    this.#waiting.delete(token);
    clearTimeout(waiting.timer);
    try {
      await waiting.handle(upgrade, this.#over.signal);
    } catch (error) {
      if (!isFault(error)) this.#log.error("stream failed", { error });
      socket.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    const server = await this.#server;
    server?.close();
    server?.closeAllConnections();
    await Promise.allSettled(this.#running);
  }
}
