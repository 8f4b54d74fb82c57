import { collect } from "#base/collect.ts";
import type { Connection, Transport, TransportRequest, TransportResponse } from "#client/transport.ts";
import type { User } from "#orchestrator/authn/user.ts";
import {
  type AnswerHeaders,
  type ApiAnswer,
  type ApiHandler,
  type ApiRequest,
  urlParts,
} from "../api-request.ts";
import { tooLargeBody } from "../errors.ts";

/** A transport to an API server in the same process, for somebody who need not prove who they are. */
export function inProcessTransport(handler: ApiHandler, user: User): Transport {
  return {
    async send(request, signal) {
      signal.throwIfAborted();
      const answer = await handler(apiRequestOf(request, user, signal));
      if (answer.kind === "upgrade") throw new Error(`${request.path} takes the connection over`);
      return responseOf(answer);
    },
    async hijack(request, signal) {
      signal.throwIfAborted();
      const answer = await handler(apiRequestOf(request, user, signal));
      if (answer.kind === "upgrade") {
        const [ours, theirs] = connectionPair();
        void answer.run(theirs).finally(() => theirs.close());
        return { kind: "hijacked", headers: headersOf(answer.headers), ...ours };
      }
      return responseOf(answer);
    },
  };
}

function responseOf(answer: Exclude<ApiAnswer, { kind: "upgrade" }>): TransportResponse {
  const { kind, status, headers } = answer;
  const body = kind === "bytes" ? once(answer.body) : answer.body;
  return { kind: "answer", status, headers: headersOf(headers), body };
}

function apiRequestOf(
  { method, path: url, headers, body }: TransportRequest,
  user: User,
  signal: AbortSignal,
): ApiRequest {
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {}))
    own[name.toLowerCase()] = typeof value === "string" ? value : value.join(", ");
  if (body !== undefined) own["content-type"] = body.type;
  return {
    method,
    ...urlParts(url),
    headers: own,
    rawHeaders: Object.entries(headers ?? {}).flatMap(([name, values]) =>
      [values].flat().flatMap((value) => [name, value]),
    ),
    credentials: {},
    user,
    remoteAddress: "127.0.0.1",
    signal,
    read: async (most) => await readAll(body?.bytes, most),
    stream: () => (body === undefined ? once(new Uint8Array()) : streamOf(body.bytes)),
  };
}

function headersOf(headers: AnswerHeaders): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    joined[name] = typeof value === "string" ? value : value.join(", ");
  return joined;
}

async function readAll(
  body: Uint8Array | AsyncIterable<Uint8Array> | undefined,
  most: number,
): Promise<Uint8Array> {
  if (body === undefined) return new Uint8Array();
  const chunks = await collect(streamOf(body), most, () => tooLargeBody(most));
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function streamOf(body: Uint8Array | AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return body instanceof Uint8Array ? once(body) : body;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/** Two ends: what is written at one comes out of the other. */
function connectionPair(): readonly [Connection, Connection] {
  const there = pipe();
  const back = pipe();
  const end = (from: Pipe, to: Pipe): Connection => ({
    incoming: from.chunks(),
    write: (bytes) => to.write(bytes),
    closeWrite: () => to.end(),
    close() {
      from.end();
      to.end();
    },
  });
  return [end(back, there), end(there, back)];
}

interface Pipe {
  write(bytes: Uint8Array): Promise<void>;
  end(): void;
  chunks(): AsyncIterable<Uint8Array>;
}

const pipeMostBytes = 256 << 10;

function pipe(): Pipe {
  let held: Uint8Array[] = [];
  let bytes = 0;
  let isOver = false;
  let wake = () => {};
  let drained = () => {};
  return {
    async write(chunk) {
      if (isOver) return;
      held.push(chunk);
      bytes += chunk.length;
      wake();
      if (bytes > pipeMostBytes)
        await new Promise<void>((resolve) => {
          drained = resolve;
        });
    },
    end() {
      isOver = true;
      wake();
      drained();
    },
    async *chunks() {
      try {
        for (;;) {
          const now = held;
          held = [];
          bytes = 0;
          drained();
          yield* now;
          if (held.length > 0) continue;
          if (isOver) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        isOver = true;
        drained();
      }
    },
  };
}
