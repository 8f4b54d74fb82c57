import type { IncomingMessage } from "node:http";
import net from "node:net";
import type { Duplex } from "node:stream";

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  500: "Internal Server Error",
  502: "Bad Gateway",
};

export function refuse(socket: Duplex, status: number, text: string): void {
  const body = `${text}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${reasons[status] ?? ""}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** Sends the request on to the runtime's own server as it came, and then every byte in both directions, each at the other's pace. */
export function proxyUpgrade(url: URL, request: IncomingMessage, client: Duplex, head: Buffer): void {
  const runtime = net.connect({
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port),
    allowHalfOpen: true,
  });
  runtime.setNoDelay(true);
  let isConnected = false;
  runtime.once("connect", () => {
    isConnected = true;
    runtime.write(headOf(url, request));
    if (head.length > 0) runtime.write(head);
    client.pipe(runtime);
    runtime.pipe(client);
  });
  runtime.on("error", (error) => {
    if (isConnected) client.destroy();
    else refuse(client, 502, error.message);
  });
  client.once("close", () => runtime.destroy());
  runtime.once("close", () => {
    if (isConnected) client.end();
  });
}

function headOf(url: URL, { method = "GET", rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (!["host", "authorization"].includes(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[at + 1]}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}
