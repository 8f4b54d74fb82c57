import type { DockerApi } from "#client/docker-api.ts";
import { GrpcClient } from "#rpc/grpc-client.ts";
import { serveGrpc } from "#rpc/grpc-server.ts";
import type { Methods } from "#rpc/methods.ts";
import { connectionStream } from "../streams/connection-stream.ts";

const upgrade = { Upgrade: "h2c" };

/** As BuildKit's clients speak with an engine: calls on one connection, and what the engine may call on another one. */
export async function openHttp2(
  api: DockerApi,
  headers: Readonly<Record<string, string | readonly string[]>>,
  methods: Methods,
  signal: AbortSignal,
): Promise<GrpcClient> {
  const [control, offer] = await Promise.all([
    openHttp2Control(api, signal),
    api.hijack("/session", { headers: { ...upgrade, ...headers } }, signal),
  ]);
  void serveGrpc(connectionStream(offer), methods, signal);
  return control;
}

/** Only the calls that we make. It goes with `signal`. */
export async function openHttp2Control(api: DockerApi, signal: AbortSignal): Promise<GrpcClient> {
  const connection = await api.hijack("/grpc", { headers: upgrade }, signal);
  const client = new GrpcClient(connectionStream(connection), "the connection to the engine");
  signal.addEventListener("abort", () => client.destroy(), { once: true });
  return client;
}
