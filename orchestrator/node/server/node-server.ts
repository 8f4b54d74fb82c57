import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { isFault, messageOf } from "#base/fault.ts";
import { https } from "#host/http.ts";
import type { NodeDeps } from "../node-deps.ts";
import { serveLogs } from "../logs/serve-logs.ts";
import { proxyUpgrade, refuse } from "./proxy-upgrade.ts";
import { type NodeRequest, parseNodeRequest } from "./node-request.ts";
import { streamUrl } from "./stream-url.ts";
import { resourceMetrics, statsSummary } from "./stats.ts";

export interface ServerIdentity {
  /** PEM: the server's certificate and key, and who vouches for its clients. */
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

export interface NodeServerOptions {
  readonly host: string;
  readonly port: number;
  readonly identity: ServerIdentity;
  readonly deps: NodeDeps;
  readonly find: (uid: string) => Pod | undefined;
  readonly pods: () => readonly Pod[];
}

export interface NodeServer extends AsyncDisposable {
  readonly port: number;
  /** New connections are made with it; those there are go on. */
  renewTls(identity: ServerIdentity): void;
}

const administrators = "system:masters";
const refusals = { 401: "Unauthorized", 403: "Forbidden" } as const;

/**
 * The agent's own server, which the API server asks for logs, commands and figures. Only clients that the cluster's authority calls
 * administrators are answered; anybody may ask whether it is well.
 */
export async function openNodeServer(options: NodeServerOptions): Promise<NodeServer> {
  const stop = new AbortController();
  const server = https().createServer(
    {
      ...contextOf(options.identity),
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
    },
    (request, response) => void answer(options, request, response, stop.signal),
  );
  server.on(
    "upgrade",
    (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      void upgrade(options, { request, socket, head }, stop.signal),
  );
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.listen(options.port, options.host === "" ? undefined : options.host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    renewTls: (identity) => server.setSecureContext(contextOf(identity)),
    async [Symbol.asyncDispose]() {
      stop.abort();
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function contextOf({ certificate, key, authority }: ServerIdentity) {
  return { cert: certificate, key, ca: authority, minVersion: "TLSv1.2" as const };
}

/** @returns the status to refuse with, if so */
function findRefusal(request: IncomingMessage): keyof typeof refusals | undefined {
  const socket = request.socket as TLSSocket;
  if (!socket.authorized) return 401;
  const organizations = socket.getPeerCertificate().subject?.O as unknown;
  const groups = Array.isArray(organizations) ? organizations : [organizations];
  return groups.includes(administrators) ? undefined : 403;
}

async function answer(
  options: NodeServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  response.on("error", () => {}); // the client has gone
  try {
    const asked = parseNodeRequest(request.method ?? "GET", request.url ?? "/");
    if (asked?.kind === "health") return void response.end("ok");
    const refusal = findRefusal(request);
    if (refusal !== undefined) return plain(response, refusal, refusals[refusal]);
    if (asked === undefined) return plain(response, 404, "404 page not found");
    await respond(options, asked, response, signal);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else plain(response, statusOf(error), messageOf(error));
  }
}

async function respond(
  options: NodeServerOptions,
  asked: NodeRequest,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { deps } = options;
  switch (asked.kind) {
    case "logs":
      return await serveLogs(deps, asked, response, signal);
    case "pods":
      return json(response, { kind: "PodList", apiVersion: "v1", metadata: {}, items: options.pods() });
    case "summary":
      return json(response, await statsSummary(deps, options.pods(), signal));
    case "resource-metrics":
      response.setHeader("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
      return void response.end(await resourceMetrics(deps, signal));
    case "health":
      return void response.end("ok");
    case "exec":
    case "attach":
    case "port-forward":
      return plain(response, 400, "you must specify an upgrade");
    default:
      return asked satisfies never;
  }
}

async function upgrade(
  options: NodeServerOptions,
  {
    request,
    socket,
    head,
  }: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
  signal: AbortSignal,
): Promise<void> {
  socket.on("error", () => socket.destroy());
  try {
    const refusal = findRefusal(request);
    if (refusal !== undefined) return refuse(socket, refusal, refusals[refusal]);
    const asked = parseNodeRequest(request.method ?? "GET", request.url ?? "/");
    if (
      asked === undefined ||
      !(asked.kind === "exec" || asked.kind === "attach" || asked.kind === "port-forward")
    )
      return refuse(socket, 404, "404 page not found");
    const url = await streamUrl(options.deps, asked, signal);
    proxyUpgrade(url, request, socket, head);
  } catch (error) {
    refuse(socket, statusOf(error), messageOf(error));
  }
}

function statusOf(error: unknown): number {
  return isFault(error, "not-found") ? 404 : isFault(error, "invalid") ? 400 : 500;
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" });
  response.end(`${text}\n`);
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "Content-Type": "application/json" });
  response.end(JSON.stringify(value));
}
