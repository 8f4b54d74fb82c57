import type { IncomingMessage } from "node:http";
import { Fault } from "#base/fault.ts";
import { mayBeJson, readAll } from "./body.ts";
import { DockerRequest } from "./hijack.ts";

const LIMIT_BYTES = 4 * 1024 * 1024;

/** A request and the body that somebody has looked at; routes read the same bytes from it. */
export interface BufferedRequest {
  readonly request: IncomingMessage;
  /** Undefined when there is none, or it is of a type that no route reads as JSON: then it is still to come. */
  readonly body: Buffer | undefined;
}

/**
 * Reads the body of any request that a route could take for JSON, whatever its length claims, and gives a request that has
 * it still ahead.
 *
 * @throws {Fault} `exhausted` with dockerd's text when it is longer than 4 MiB
 */
export async function bufferRequest(request: IncomingMessage): Promise<BufferedRequest> {
  const hasBody =
    request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
  if (!hasBody || !mayBeJson(request.headers["content-type"])) return { request, body: undefined };
  const body = await readAll(request, LIMIT_BYTES, tooLarge);
  return { request: replay(request, body), body };
}

function tooLarge(): Fault {
  return new Fault(
    "exhausted",
    `request body too large for authorization plugin: size exceeds ${LIMIT_BYTES} bytes`,
  );
}

function replay(original: IncomingMessage, body: Buffer): IncomingMessage {
  const copy = new DockerRequest(original.socket);
  const { method, url, httpVersion, httpVersionMajor, httpVersionMinor, rawHeaders, headers } = original;
  Object.assign(copy, { method, url, httpVersion, httpVersionMajor, httpVersionMinor, rawHeaders, headers });
  copy.complete = true;
  copy.push(body);
  copy.push(null);
  return copy;
}
