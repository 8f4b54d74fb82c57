import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Fault } from "#base/fault.ts";
import type { Transport, TransportRequest } from "#client/transport.ts";

/** HTTP over a unix socket, a connection for each request. */
export function unixTransport(socketPath: string): Transport {
  return {
    async send({ method, path, body }, signal) {
      signal.throwIfAborted();
      const request = httpRequest({
        socketPath,
        method,
        path,
        signal,
        agent: false,
        headers: { Host: "docker", ...headersOf(body) },
      });
      const answered = answerOf(request, socketPath);
      // A refused upload is answered before it is read to its end: then the answer counts, not the broken pipe.
      const sent = send(request, body).catch(() => {});
      const response = await answered;
      void sent;
      return { status: response.statusCode ?? 0, body: response };
    },
  };
}

function headersOf(body: TransportRequest["body"]): Readonly<Record<string, string>> {
  if (body === undefined) return { "Content-Length": "0" };
  const { type, bytes } = body;
  return bytes instanceof Uint8Array
    ? { "Content-Type": type, "Content-Length": String(bytes.length) }
    : { "Content-Type": type, "Transfer-Encoding": "chunked" };
}

async function send(request: ClientRequest, body: TransportRequest["body"]): Promise<void> {
  if (body === undefined) request.end();
  else if (body.bytes instanceof Uint8Array) request.end(body.bytes);
  else await pipeline(Readable.from(body.bytes, { objectMode: false }), request);
}

function answerOf(request: ClientRequest, socketPath: string): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.once("response", resolve);
  request.on("error", (cause: NodeJS.ErrnoException) => {
    if (cause.name === "AbortError") reject(cause);
    else
      reject(
        new Fault("unavailable", `cannot reach the engine at ${socketPath}: ${cause.message}`, { cause }),
      );
  });
  return promise;
}
