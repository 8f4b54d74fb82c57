import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** A request to upgrade, with its connection and what has come of it beyond the request. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

export function isWebSocket({ headers }: IncomingMessage): boolean {
  return /(^|[ ,])websocket($|[ ,])/i.test(headers.upgrade ?? "");
}

export function isSpdy({ headers }: IncomingMessage): boolean {
  return /^spdy\/3\.1$/i.test(headers.upgrade ?? "");
}

/** What a client speaks, in its order. */
export function offered({ headersDistinct }: IncomingMessage, name: string): readonly string[] {
  return (headersDistinct[name.toLowerCase()] ?? [])
    .flatMap((value) => value.split(","))
    .map((text) => text.trim())
    .filter((text) => text !== "");
}

/** Answers with an error and ends the connection. */
export function refuseUpgrade(
  socket: Duplex,
  status: string,
  message: string,
  headers: readonly string[] = [],
): void {
  const body = `${message}\n`;
  const lines = [
    `HTTP/1.1 ${status}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    ...headers,
    "",
    body,
  ];
  socket.on("error", () => {});
  socket.end(lines.join("\r\n"));
}

/** Switches to SPDY, in the protocol that both sides speak. */
export function acceptSpdy({ socket, head }: UpgradeRequest, protocol: string): void {
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Connection: Upgrade",
    "Upgrade: SPDY/3.1",
    ...(protocol === "" ? [] : [`X-Stream-Protocol-Version: ${protocol}`]),
    "",
    "",
  ];
  socket.write(lines.join("\r\n"));
  if (head.length > 0) socket.unshift(head);
}
