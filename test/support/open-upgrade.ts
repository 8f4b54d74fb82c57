import http from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { Fault, messageOf } from "#base/fault.ts";

/** How to reach a server beyond its address. */
export interface ConnectOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** For https. */
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
}

interface Upgraded {
  readonly socket: Duplex;
  readonly protocol: string;
}

/** Asks a server to switch to SPDY/3.1. @throws {Fault} `remote` with what it says when it does not */
export function openSpdy(
  url: URL,
  protocols: readonly string[],
  { headers, ...tls }: ConnectOptions,
  signal: AbortSignal,
): Promise<Upgraded> {
  const { promise, resolve, reject } = Promise.withResolvers<Upgraded>();
  const send = url.protocol === "https:" ? https.request : http.request;
  const request = send(url, {
    ...tls,
    method: "POST",
    agent: false,
    signal,
    headers: {
      ...headers,
      Connection: "Upgrade",
      Upgrade: "SPDY/3.1",
      "X-Stream-Protocol-Version": [...protocols],
    },
  });
  request.once("upgrade", (response, socket, head) => {
    if (head.length > 0) socket.unshift(head);
    resolve({ socket, protocol: String(response.headers["x-stream-protocol-version"] ?? "") });
  });
  request.once("response", (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (piece: string) => {
      if (text.length < 4096) text += piece;
    });
    response.once("close", () => reject(refused(response.statusCode ?? 0, text)));
  });
  request.once("error", (cause) => reject(new Fault("remote", messageOf(cause), { cause })));
  request.end();
  return promise;
}

/** Names that HTTP does not allow for a protocol of WebSockets. */
const isOdd = (protocol: string) => protocol.includes("/");

/**
 * Asks a server to switch to WebSocket. No message comes before the socket is resumed.
 *
 * @throws {Fault} `remote` with what it says when it does not
 */
export async function openWebSocket(
  url: URL,
  protocols: readonly string[],
  { headers, ...tls }: ConnectOptions,
  signal: AbortSignal,
): Promise<WebSocket> {
  const ws = await import("ws");
  const address = new URL(url);
  address.protocol = url.protocol === "https:" || url.protocol === "wss:" ? "wss:" : "ws:";
  const odd = protocols.filter(isOdd);
  const socket = new ws.WebSocket(
    address,
    protocols.filter((protocol) => !isOdd(protocol)),
    {
      ...tls,
      perMessageDeflate: false,
      headers: { ...headers, ...(odd.length > 0 && { "Sec-WebSocket-Protocol": odd.join(", ") }) },
      finishRequest: (request) => {
        request.prependListener("upgrade", ({ headers: answered }) => {
          if (odd.length > 0) delete answered["sec-websocket-protocol"];
        });
        request.end();
      },
    },
  );
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
  const abort = () => socket.terminate();
  signal.addEventListener("abort", abort, { once: true });
  socket.once("close", () => signal.removeEventListener("abort", abort));
  socket.once("open", () => {
    socket.pause();
    resolve(socket);
  });
  socket.once("unexpected-response", (_request, response) => {
    reject(refused(response.statusCode ?? 0, ""));
    response.destroy();
  });
  socket.on("error", (cause) => reject(new Fault("remote", messageOf(cause), { cause })));
  return promise;
}

function refused(status: number, text: string): Fault {
  return new Fault("remote", text.trim() || `the server answered ${status}`, { detail: { status } });
}
