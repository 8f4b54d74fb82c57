import type { Duplex } from "node:stream";
import { http1Transport } from "#client/http1.ts";
import { readText } from "#client/streams.ts";
import { duplexConnection } from "#rpc/duplex-connection.ts";
import type { ApiAnswer, ApiRequest } from "../api-request.ts";
import type { ObjectCache } from "../cache/object-cache.ts";
import type { ResourceScope } from "../handlers/resource-scope.ts";
import { wantsWebSocket, webSocketOutput } from "../http/web-socket-stream.ts";
import { dial, passOn } from "./pass-on.ts";
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

  /** What a node's agent answers at a path. @throws when it does not, or not with 200 */
  async ask(node: string, path: string, signal: AbortSignal): Promise<string> {
    const target = nodeTarget(this.#deps.cache, node, path);
    const transport = http1Transport(async () => duplexConnection(await this.#open(target)), {
      headers: { Host: `${target.host}:${target.port}` },
    });
    const answer = await transport.send({ method: "GET", path }, signal);
    const text = await readText(answer.body);
    if (answer.status !== 200) throw new Error(`${path} of node ${node}: ${answer.status} ${text}`);
    return text;
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

  async #pass({ request, info }: ResourceScope, target: Target): Promise<ApiAnswer> {
    // Nodes tell logs as they are: what a WebSocket makes of them is up to us.
    const isHere = info.subresource === "log" && wantsWebSocket(request);
    const isUpgrade = request.headers["upgrade"] !== undefined && !isHere;
    const passed = await passOn(request, { ...target, open: () => this.#open(target) }, isUpgrade);
    if (passed.kind === "upgrade") return passed;
    if (isHere && passed.kind === "stream" && passed.status === 200) return webSocketOutput(request, passed);
    const { location } = passed.headers;
    if (typeof location !== "string") return passed;
    return { ...passed, headers: { ...passed.headers, location: rewritten(location, request, target) } };
  }

  async #open({ kind, host, port }: Target): Promise<Duplex> {
    const { certificate, key, authority } = this.#deps.credentials();
    const isNode = kind === "node";
    // What runs in pods has certificates of its own, if any.
    const tls = isNode ? { cert: certificate, key, ca: authority } : { rejectUnauthorized: false };
    return await dial({ host, port }, kind === "http" ? undefined : tls);
  }
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
