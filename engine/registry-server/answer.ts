import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { FileHandle } from "node:fs/promises";
import type { ByteRange } from "./ranges.ts";
import type { Registry } from "./registry.ts";

/** A request whose path and right were looked at. */
export interface RegistryRequest {
  readonly registry: Registry;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly message: IncomingMessage;
  /** Its body, which is asked for now if the client waits for that. */
  readonly body: () => AsyncIterable<Uint8Array>;
  /** Aborted when the client has gone, or the registry closes. */
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  /** Nothing of it is sent to HEAD, but `Content-Length` is what it would be. A file is closed by whoever sends the answer. */
  readonly body?: Buffer | FileBody;
}

export interface FileBody {
  readonly file: FileHandle;
  /** The whole when there is none. */
  readonly range: ByteRange | undefined;
  /** What the bytes go through on their way. */
  readonly check?: (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
}

export function json(value: unknown, headers: OutgoingHttpHeaders = {}, status = 200): Answer {
  return {
    status,
    headers: { "Content-Type": "application/json", ...headers },
    body: Buffer.from(`${JSON.stringify(value)}\n`),
  };
}

/** Without a body. */
export function empty(status: number, headers: OutgoingHttpHeaders = {}): Answer {
  return { status, headers: { ...headers, "Content-Length": 0 } };
}
