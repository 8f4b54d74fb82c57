import type { IncomingMessage } from "node:http";
import { decodeBody, type Json } from "#api/hypercore/decode.ts";
import { Fault } from "#base/fault.ts";
import type { Call, RouteBody } from "./route.ts";

const maxBytes = 4 << 20;
const maxDepth = 32;

/**
 * What the route takes, from the request.
 *
 * @throws {Fault} `invalid` for what is no JSON, too deep or too large, or not of the route's shape; and for an upload without a length
 */
export async function readBody(
  body: RouteBody,
  request: IncomingMessage,
): Promise<Pick<Call, "body" | "upload">> {
  if (body.kind === "upload") return { body: {}, upload: uploadOf(request) };
  const text = await textOf(request);
  // Clients send `{}` and empty bodies with requests that have none.
  if (body.kind === "none") return { body: {} };
  if (text.trim() === "" && body.kind === "json" && body.isOptional === true) return { body: {} };
  const value = parse(text);
  if (body.kind === "json") return { body: decodeBody(body.shape, value) };
  if (!Array.isArray(value)) throw new Fault("invalid", "The body must be a JSON array");
  return { body: value.map((item): Json => decodeBody(body.shape, item)) };
}

function uploadOf(request: IncomingMessage): { lengthBytes: number; chunks: AsyncIterable<Buffer> } {
  const length = request.headers["content-length"];
  if (length === undefined || request.headers["transfer-encoding"] !== undefined)
    throw new Fault("invalid", "Content-Length is required");
  return { lengthBytes: Number(length), chunks: partsOf(request) };
}

/** Whoever stops reading leaves the connection whole, for the answer. */
function partsOf(request: IncomingMessage): AsyncIterable<Buffer> {
  return request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of partsOf(request)) {
    size += chunk.length;
    if (size > maxBytes) throw new Fault("invalid", `The body is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string): unknown {
  let depth = 0;
  for (const character of text.replaceAll(/"(?:[^"\\]|\\.)*"/gs, "")) {
    if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    if (depth > maxDepth) throw new Fault("invalid", `The body is nested deeper than ${maxDepth}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Fault("invalid", "The body is no JSON", { cause: error });
  }
}
