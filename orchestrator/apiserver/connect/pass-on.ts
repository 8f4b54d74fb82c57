import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { failure } from "#api/kube/status.ts";
import { messageOf } from "#base/fault.ts";
import { http1Transport } from "#client/http1.ts";
import type { Connection, Hijacked, TransportRequest, TransportResponse } from "#client/transport.ts";
import { duplexConnection } from "#rpc/duplex-connection.ts";
import type { ApiAnswer, ApiRequest } from "../api-request.ts";

/** Where a request goes on to. */
export interface Place {
  readonly host: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
  /** A new connection to it. */
  readonly open: () => Promise<Duplex>;
  /** Beside the client's own. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

const connectMs = 10_000;

/**
 * Passes a request on, and its answer back: bytes go through as they are, of connections that stop being HTTP too.
 *
 * @param isUpgrade whether what the client wants its connection to become goes on as well
 * @throws {StatusError} `ServiceUnavailable` when it cannot be reached
 */
export async function passOn(
  request: ApiRequest,
  place: Place,
  isUpgrade = request.headers["upgrade"] !== undefined,
): Promise<ApiAnswer> {
  const { host, port, path, open, headers } = place;
  const transport = http1Transport(async () => duplexConnection(await open()), {
    headers: { Host: `${host}:${port}` },
  });
  const passed: TransportRequest = {
    method: request.method as TransportRequest["method"],
    path,
    headers: headersFor(request, isUpgrade, headers),
    ...(hasBody(request) && {
      body: {
        type: request.headers["content-type"] ?? "application/octet-stream",
        bytes: request.stream(),
      },
    }),
  };
  // As long as the client is there.
  const { signal } = request;
  try {
    const answer = isUpgrade ? await transport.hijack(passed, signal) : await transport.send(passed, signal);
    return answer.kind === "hijacked" ? upgraded(answer, signal) : answered(answer);
  } catch (error) {
    signal.throwIfAborted();
    throw failure("ServiceUnavailable", `error trying to reach service: ${messageOf(error)}`);
  }
}

/** @param tls absent: a connection without */
export async function dial(
  to: { readonly host: string; readonly port: number },
  tls: ConnectionOptions | undefined,
): Promise<Duplex> {
  const socket =
    tls === undefined ? connectTcp(to) : connectTls({ ...to, ALPNProtocols: ["http/1.1"], ...tls });
  try {
    const signal = AbortSignal.timeout(connectMs);
    await once(socket, tls === undefined ? "connect" : "secureConnect", { signal });
  } catch (error) {
    socket.destroy();
    throw new Error(`dial tcp ${to.host}:${to.port}: ${messageOf(error)}`, { cause: error });
  }
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 30_000);
  return socket;
}

function hasBody({ method, headers }: ApiRequest): boolean {
  return (
    method !== "GET" &&
    method !== "HEAD" &&
    headers["content-length"] !== "0" &&
    headers["upgrade"] === undefined
  );
}

/** Those of a connection, and those that say who somebody is to us, go no further. */
const ownHeaders =
  /^(?::.*|host|connection|keep-alive|authorization|content-length|transfer-encoding|content-type|te|trailer|proxy-.*|impersonate-.*|upgrade|http2-settings|x-remote-.*)$/;

function headersFor(
  { rawHeaders, headers }: ApiRequest,
  isUpgrade: boolean,
  more: Place["headers"],
): Record<string, string | readonly string[]> {
  const passed: Record<string, string[]> = {};
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    if (!ownHeaders.test(name)) (passed[name] ??= []).push(rawHeaders[at + 1] ?? "");
  }
  return { ...passed, ...(isUpgrade && { Upgrade: headers["upgrade"] ?? "" }), ...more };
}

function upgraded({ headers, ...connection }: Hijacked, signal: AbortSignal): ApiAnswer {
  return {
    kind: "upgrade",
    headers,
    async run(client) {
      const close = () => connection.close();
      signal.addEventListener("abort", close, { once: true });
      try {
        await Promise.all([pump(client.incoming, connection), pump(connection.incoming, client)]);
      } finally {
        signal.removeEventListener("abort", close);
        connection.close();
      }
    },
  };
}

async function pump(from: AsyncIterable<Uint8Array>, to: Connection): Promise<void> {
  try {
    for await (const bytes of from) await to.write(bytes);
    to.closeWrite();
  } catch {
    to.close();
  }
}

function answered({ status, headers = {}, body }: TransportResponse): ApiAnswer {
  const { connection: _c, "keep-alive": _k, "transfer-encoding": _t, ...kept } = headers;
  return { kind: "stream", status, headers: kept, body };
}
