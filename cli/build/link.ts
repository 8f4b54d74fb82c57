import { randomBytes } from "node:crypto";
import type { DockerApi } from "#client/docker-api.ts";
import { GrpcClient } from "#rpc/grpc-client.ts";
import { type Methods, serveGrpc } from "#rpc/grpc-server.ts";
import { connectionStream } from "./connection-stream.ts";

/** Two connections to the engine: one on which we call it, and one on which it calls us, for the files and secrets of a build. */
export interface Link extends Disposable {
  readonly control: GrpcClient;
  readonly session: string;
}

/**
 * @param methods what the engine may call
 * @param signal gives up connecting; what is connected stays until it is disposed of
 * @throws {Fault} with what the engine says when it has no BuildKit
 */
export async function openLink(api: DockerApi, methods: Methods, signal: AbortSignal): Promise<Link> {
  const session = randomBytes(12).toString("hex");
  const upgrade = { Upgrade: "h2c" };
  const stop = new AbortController();
  const giveUp = () => stop.abort(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    const [control, offer] = await Promise.all([
      api.hijack("/grpc", { headers: upgrade }, stop.signal),
      api.hijack("/session", { headers: { ...upgrade, ...sessionHeaders(session, methods) } }, stop.signal),
    ]);
    const client = new GrpcClient(connectionStream(control), "the connection to the engine");
    void serveGrpc(connectionStream(offer), methods, stop.signal);
    return {
      control: client,
      session,
      [Symbol.dispose]() {
        client.destroy();
        stop.abort();
      },
    };
  } catch (error) {
    stop.abort();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/** Only the calls that we make. @throws {Fault} with what the engine says when it has no BuildKit */
export async function openControl(
  api: DockerApi,
  signal: AbortSignal,
): Promise<Disposable & { readonly client: GrpcClient }> {
  const connection = await api.hijack("/grpc", { headers: { Upgrade: "h2c" } }, signal);
  const client = new GrpcClient(connectionStream(connection), "the connection to the engine");
  return { client, [Symbol.dispose]: () => client.destroy() };
}

function sessionHeaders(id: string, methods: Methods): Readonly<Record<string, string | readonly string[]>> {
  return {
    "X-Docker-Expose-Session-Uuid": id,
    "X-Docker-Expose-Session-Name": "",
    "X-Docker-Expose-Session-Grpc-Method": [...methods.keys()],
  };
}
