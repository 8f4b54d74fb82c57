import type { Duplex } from "node:stream";
import { SpdySession } from "#rpc/spdy/session.ts";
import { type ConnectOptions, openSpdy, openWebSocket } from "./open-upgrade.ts";

/** Ports of a pod elsewhere. Disposing of it ends every connection. */
export interface ForwardedPorts extends Disposable {
  /** A connection to the port; `failure` is what went wrong there, empty when nothing did, known when it is over. */
  open(port: number): Promise<{ readonly data: Duplex; readonly failure: Promise<string> }>;
}

/**
 * Forwards ports by SPDY/3.1, in a WebSocket or not.
 *
 * @throws {Fault} `remote`
 */
export async function connectPortForward(
  url: URL,
  how: "spdy" | "websocket",
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<ForwardedPorts> {
  const connection =
    how === "spdy"
      ? (await openSpdy(url, ["portforward.k8s.io"], options, signal)).socket
      : await tunnel(url, options, signal);
  const session = new SpdySession(connection, "client", (stream) => stream.destroy());
  let requests = 0;
  return {
    open: async (number) => {
      const common = { port: String(number), requestid: String(requests++) };
      const error = await session.openStream({ streamtype: "error", ...common });
      error.end();
      const data = await session.openStream({ streamtype: "data", ...common });
      return { data, failure: readAll(error) };
    },
    [Symbol.dispose]: () => session[Symbol.dispose](),
  };
}

async function tunnel(url: URL, options: ConnectOptions, signal: AbortSignal): Promise<Duplex> {
  const { createWebSocketStream } = await import("ws");
  return createWebSocketStream(await openWebSocket(url, ["SPDY/3.1+portforward.k8s.io"], options, signal));
}

async function readAll(stream: Duplex): Promise<string> {
  let text = "";
  stream.on("error", () => {});
  for await (const piece of stream) text += String(piece);
  return text;
}
