import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { Answer } from "./answer.ts";

/** What is still taken of a body that nobody wants, so that the client gets to read why. */
const MAX_DRAIN_BYTES = 16 * 1024 * 1024;
/** Large enough to be fast, so small that a thousand slow readers do not fill the memory. */
const SEND_BYTES = 256 * 1024;

/** The request's body, which a client that waits for `100 Continue` is asked for at the first read. */
export async function* bodyOf(
  request: IncomingMessage,
  response: ServerResponse,
  waitsForContinue: boolean,
): AsyncGenerator<Uint8Array> {
  if (waitsForContinue) response.writeContinue();
  // Whoever stops reading leaves the rest to whoever answers: a request that is destroyed takes nothing of it any more.
  yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
}

/** Resolves when the answer is out. A file of it is closed in any case. */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
): Promise<void> {
  const { status, headers, body } = answer;
  const file = body !== undefined && "file" in body ? body.file : undefined;
  await using closing = new AsyncDisposableStack();
  if (file !== undefined) closing.defer(() => file.close());
  if (!request.complete) drain(request, response);
  response.setHeader("Docker-Distribution-Api-Version", "registry/2.0");
  response.setHeader("X-Content-Type-Options", "nosniff");
  const length = body instanceof Uint8Array ? { "Content-Length": body.length } : {};
  response.writeHead(status, { ...length, ...headers });
  if (body === undefined || request.method === "HEAD" || body instanceof Uint8Array) {
    response.end(request.method === "HEAD" ? undefined : body);
    return;
  }
  const { first: start, last: end } = body.range ?? { first: 0, last: Infinity };
  const source = body.file.createReadStream({ start, end, autoClose: false, highWaterMark: SEND_BYTES });
  await (body.check === undefined ? pipeline(source, response) : pipeline(source, body.check, response));
}

/** What the client still sends is read and forgotten up to a limit; a client that waits for leave sends nothing. */
function drain(request: IncomingMessage, response: ServerResponse): void {
  if (request.destroyed) return;
  if (request.headers.expect !== undefined) {
    response.setHeader("Connection", "close");
    return;
  }
  let taken = 0;
  request.on("data", (chunk: Buffer) => {
    taken += chunk.length;
    if (taken > MAX_DRAIN_BYTES) request.socket.destroy();
  });
  // Who read it piece by piece may have left it standing still: a listener alone does not set it going then.
  request.resume();
}
