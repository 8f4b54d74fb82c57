import { IncomingMessage } from "#host/http.ts";
import { Duplex } from "node:stream";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { Answer, HeaderPairs, HijackAnswer } from "./answer.ts";
import { acceptKey, WebSocketStream } from "./websocket.ts";

const rawPath = /^(?:\/v[\d.]+)?\/(?:containers\/[^/?]+\/attach|exec\/[^/?]+\/start|session|grpc)(?:\?|$)/;
const socketPath = /^(?:\/v[\d.]+)?\/containers\/[^/?]+\/attach\/ws(?:\?|$)/;

function takesOver(method: string | undefined, url: string): boolean {
  if (method === "POST") return rawPath.test(url);
  return method === "GET" && url.includes("/attach/ws") && socketPath.test(url);
}

/**
 * Node's request, but which requests take the connection over is decided by their path: attach, exec start and those of BuildKit do so with or
 * without an `Upgrade` header, and nothing else does with one (Java's client asks every server for h2c).
 */
export class DockerRequest extends IncomingMessage {
  get upgrade(): boolean {
    return this.method !== undefined && takesOver(this.method, this.url ?? "");
  }

  /** Node writes what the parser saw; the path decides. */
  set upgrade(_seen: boolean | null) {}
}

/**
 * Writes the answer of a request that may take its connection over, which is then the caller's no more. Settles when the
 * stream is over.
 */
export async function answerOnSocket(
  request: IncomingMessage,
  connection: Duplex,
  answer: Answer,
  common: HeaderPairs,
  log: Log,
): Promise<void> {
  if (answer.kind !== "hijack") {
    writePlain(connection, answer, common);
    return;
  }
  if (connection.destroyed) {
    answer.cancel();
    return;
  }
  connection.write(hijackHead(request, answer, common), "latin1");
  const client =
    answer.protocol === "websocket" ? new WebSocketStream(connection, answer.isFramed) : connection;
  client.on("error", () => {}); // the client left: `run` sees the stream close
  try {
    await answer.run(client);
  } catch (error) {
    if (!connection.destroyed) log.warn("stream failed", { error: messageOf(error) });
  } finally {
    closeAfterWriting(client);
  }
}

function hijackHead(request: IncomingMessage, answer: HijackAnswer, common: HeaderPairs): string {
  if (answer.protocol === "websocket")
    return responseHead("101 Switching Protocols", [
      ...common,
      "Upgrade",
      "websocket",
      "Connection",
      "Upgrade",
      "Sec-WebSocket-Accept",
      acceptKey(request.headers["sec-websocket-key"] ?? ""),
    ]);
  if (answer.protocol !== "raw")
    return responseHead("101 Switching Protocols", ["Connection", "Upgrade", "Upgrade", answer.protocol]);
  const repeated = answer.repeatsHeaders ? common : [];
  if (request.headers.upgrade === undefined)
    return responseHead("200 OK", ["Content-Type", answer.type, ...repeated]);
  return responseHead("101 UPGRADED", [
    "Content-Type",
    answer.type,
    "Connection",
    "Upgrade",
    "Upgrade",
    "tcp",
    ...repeated,
  ]);
}

function writePlain(connection: Duplex, answer: Exclude<Answer, HijackAnswer>, common: HeaderPairs): void {
  if (answer.kind === "stream") throw new Error("a connection that is taken over has no chunked answers");
  const body = answer.kind === "body" ? Buffer.from(answer.body) : Buffer.alloc(0);
  const type = answer.kind === "body" ? ["Content-Type", answer.type] : [];
  connection.on("error", () => {});
  connection.write(
    responseHead(`${answer.status} ${reasonOf(answer.status)}`, [
      ...common,
      ...type,
      "Content-Length",
      String(body.length),
      "Connection",
      "close",
    ]),
    "latin1",
  );
  connection.write(body);
  closeAfterWriting(connection);
}

function reasonOf(status: number): string {
  const reasons: Readonly<Record<number, string>> = {
    200: "OK",
    304: "Not Modified",
    400: "Bad Request",
    404: "Not Found",
    409: "Conflict",
    413: "Payload Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
  };
  return reasons[status] ?? "Error";
}

export function responseHead(status: string, pairs: HeaderPairs): string {
  let text = `HTTP/1.1 ${status}\r\n`;
  for (let index = 0; index < pairs.length; index += 2) text += `${pairs[index]}: ${pairs[index + 1]}\r\n`;
  return `${text}\r\n`;
}

function closeAfterWriting(stream: Duplex): void {
  if (stream.destroyed) return;
  if (stream.writableFinished) stream.destroy();
  else stream.end(() => stream.destroy());
}
