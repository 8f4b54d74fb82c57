import type { Duplex } from "node:stream";
import {
  type ForwardedPorts,
  portForwardProtocol,
  spdyPorts,
} from "#rpc/remote-command/connect-port-forward.ts";
import { type ConnectOptions, openSpdy, openWebSocket } from "./open-upgrade.ts";

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
      ? (await openSpdy(url, [portForwardProtocol], options, signal)).socket
      : await tunnel(url, options, signal);
  return spdyPorts(connection);
}

async function tunnel(url: URL, options: ConnectOptions, signal: AbortSignal): Promise<Duplex> {
  const { createWebSocketStream } = await import("ws");
  return createWebSocketStream(await openWebSocket(url, ["SPDY/3.1+portforward.k8s.io"], options, signal));
}
