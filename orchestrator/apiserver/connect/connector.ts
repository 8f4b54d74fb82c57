import { connect as connectTcp } from "node:net";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { failure } from "#api/kube/status.ts";
import { messageOf } from "#base/fault.ts";
import { http1Transport } from "#client/http1.ts";
import type {
  Connection,
  Hijacked,
  Transport,
  TransportRequest,
  TransportResponse,
} from "#client/transport.ts";
import { duplexConnection } from "#rpc/duplex-connection.ts";
import type { ApiAnswer, ApiRequest } from "../api-request.ts";
import type { ObjectCache } from "../cache/object-cache.ts";
import { wantsWebSocket, webSocketOutput } from "../http/web-socket-stream.ts";
import type { ResourceScope } from "../handlers/resource-scope.ts";
import { containerTarget, nodeTarget, podTarget, serviceTarget, type Target } from "./target.ts";

export interface ConnectorDeps {
  readonly cache: ObjectCache;
  /** What nodes are shown, and by whom they must be vouched for. PEM, asked for at each connection. */
  readonly credentials: () => {
    readonly certificate: string;
    readonly key: string;
    readonly authority: string;
  };
  readonly random: () => number;
}

const connectMs = 10_000;
const encoder = new TextEncoder();

/** Passes requests on to node agents, and to what runs in pods: bytes go through as they are. */
export class Connector {
  readonly #deps: ConnectorDeps;

  constructor(deps: ConnectorDeps) {
    this.#deps = deps;
  }

  /** @throws {StatusError} for what is not there or cannot be reached */
  async connect(scope: ResourceScope): Promise<ApiAnswer> {
    const { request } = scope;
    await this.#deps.cache.fresh(request.signal);
    const target = this.#targetOf(scope);
    if (target === undefined)
      return {
        kind: "bytes",
        status: 200,
        headers: { "content-type": "text/plain" },
        body: encoder.encode(""),
      };
    return await this.#pass(scope, target);
  }

  #targetOf({ info, request, definition }: ResourceScope): Target | undefined {
    const { cache, random } = this.#deps;
    const { namespace = "", name = "", subresource = "" } = info;
    if (subresource !== "proxy")
      return containerTarget(cache, { namespace, name, action: subresource, query: request.query });
    const path = pathBehind(request);
    if (definition.resource === "nodes") return nodeTarget(cache, name, path);
    if (definition.resource === "pods") return podTarget(cache, namespace, name, path);
    return serviceTarget(cache, { namespace, text: name, path, random });
  }

  async #pass(scope: ResourceScope, target: Target): Promise<ApiAnswer> {
    const { request } = scope;
    const transport = this.#transportTo(target);
    // Nodes tell logs as they are: what a WebSocket makes of them is up to us.
    const isLog = scope.info.subresource === "log" && wantsWebSocket(request);
    const isUpgrade = request.headers["upgrade"] !== undefined && !isLog;
    const passed: TransportRequest = {
      method: request.method as TransportRequest["method"],
      path: target.path,
      headers: headersFor(request, isUpgrade),
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
      const answer = isUpgrade
        ? await transport.hijack(passed, signal)
        : await transport.send(passed, signal);
      if (answer.kind === "hijacked") return upgraded(answer, signal);
      const told = answered(answer, request, target);
      return isLog && told.status === 200 ? webSocketOutput(request, told) : told;
    } catch (error) {
      signal.throwIfAborted();
      throw failure("ServiceUnavailable", `error trying to reach service: ${messageOf(error)}`);
    }
  }

  #transportTo(target: Target): Transport {
    return http1Transport(async () => duplexConnection(await this.#open(target)), {
      headers: { Host: `${target.host}:${target.port}` },
    });
  }

  async #open({ kind, host, port }: Target): Promise<Duplex> {
    const { certificate, key, authority } = this.#deps.credentials();
    const isNode = kind === "node";
    const socket =
      kind === "http"
        ? connectTcp({ host, port })
        : connectTls({
            host,
            port,
            ALPNProtocols: ["http/1.1"],
            // What runs in pods has certificates of its own, if any.
            ...(isNode ? { cert: certificate, key, ca: authority } : { rejectUnauthorized: false }),
          });
    try {
      await once(socket, kind === "http" ? "connect" : "secureConnect", {
        signal: AbortSignal.timeout(connectMs),
      });
    } catch (error) {
      socket.destroy();
      throw new Error(`dial tcp ${host}:${port}: ${messageOf(error)}`, { cause: error });
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    return socket;
  }
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
): Record<string, string | string[]> {
  const passed: Record<string, string[]> = {};
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    if (!ownHeaders.test(name)) (passed[name] ??= []).push(rawHeaders[at + 1] ?? "");
  }
  return isUpgrade ? { ...passed, Upgrade: headers["upgrade"] ?? "" } : passed;
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

function answered(
  { status, headers = {}, body }: TransportResponse,
  request: ApiRequest,
  target: Target,
): Extract<ApiAnswer, { kind: "stream" }> {
  const { connection: _c, "keep-alive": _k, "transfer-encoding": _t, ...rest } = headers;
  const kept: Record<string, string> = rest;
  const location = kept["location"];
  if (location !== undefined) kept["location"] = rewritten(location, request, target);
  return { kind: "stream", status, headers: kept, body };
}

/** Who is sent elsewhere on the same server comes there through us. */
function rewritten(location: string, request: ApiRequest, { host, port }: Target): string {
  const prefix = request.path.slice(0, request.path.length - behindProxy(request.path).length);
  const own = [`http://${host}:${port}`, `https://${host}:${port}`, `http://${host}`].find((one) =>
    location.startsWith(`${one}/`),
  );
  if (own !== undefined) return prefix + location.slice(own.length);
  return location.startsWith("/") ? prefix + location : location;
}

function behindProxy(path: string): string {
  return /\/proxy(\/.*)?$/.exec(path.replace(/^(?:.*?\/(?:pods|services|nodes)\/[^/]+)/, ""))?.[1] ?? "";
}

function pathBehind({ path, url }: ApiRequest): string {
  const behind = behindProxy(path);
  const question = url.indexOf("?");
  return `${behind === "" ? "/" : behind}${question === -1 ? "" : url.slice(question)}`;
}
