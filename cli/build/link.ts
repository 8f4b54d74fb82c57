import { isFault } from "#base/fault.ts";
import type { DockerApi } from "#client/docker-api.ts";
import type { Hijacked } from "#client/transport.ts";
import { FrameLink } from "#rpc/frame-link.ts";
import type { Methods } from "#rpc/methods.ts";
import type { RpcClient } from "#rpc/rpc-client.ts";
import { randomId } from "./random-id.ts";

/** The way to the engine in a build: we call it, and it calls us, for files and secrets. */
export interface Link extends Disposable {
  readonly control: RpcClient;
  readonly session: string;
}

/**
 * One connection of plain frames to an engine of ours, two of HTTP/2 to another one.
 *
 * @param sharedKey the same for builds of the same folders
 * @param methods what the engine may call
 * @param signal gives up connecting; what is connected stays until it is disposed of
 * @throws {Fault} with what the engine says when it has no BuildKit
 */
export async function openLink(
  api: DockerApi,
  sharedKey: string,
  methods: Methods,
  signal: AbortSignal,
): Promise<Link> {
  const session = randomId(12);
  const headers = sessionHeaders(session, sharedKey, methods);
  return await connecting(signal, async (until, close) => {
    const control = await openFrames(api, headers, methods, until);
    if (control !== undefined) return { control, session, [Symbol.dispose]: close };
    const { openHttp2 } = await import("./http2-link.ts");
    return { control: await openHttp2(api, headers, methods, until), session, [Symbol.dispose]: close };
  });
}

/** Only the calls that we make. @throws {Fault} with what the engine says when it has no BuildKit */
export async function openControl(
  api: DockerApi,
  signal: AbortSignal,
): Promise<Disposable & { readonly client: RpcClient }> {
  return await connecting(signal, async (until, close) => {
    const client = await openFrames(api, {}, new Map(), until);
    if (client !== undefined) return { client, [Symbol.dispose]: close };
    const { openHttp2Control } = await import("./http2-link.ts");
    return { client: await openHttp2Control(api, until), [Symbol.dispose]: close };
  });
}

/** @param connect is given up by `signal`; what it has connected goes with its own signal, which `close` aborts */
async function connecting<T>(
  signal: AbortSignal,
  connect: (until: AbortSignal, close: () => void) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const giveUp = () => stop.abort(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await connect(stop.signal, () => stop.abort());
  } catch (error) {
    stop.abort();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/** Undefined when the engine does not know of them. */
async function openFrames(
  api: DockerApi,
  headers: Readonly<Record<string, string | readonly string[]>>,
  methods: Methods,
  signal: AbortSignal,
): Promise<RpcClient | undefined> {
  let connection: Hijacked;
  try {
    connection = await api.hijack("/grpc", { headers: { ...headers, Upgrade: "gantry-rpc" } }, signal);
  } catch (error) {
    if (!isFault(error) || isFault(error, "unavailable")) throw error;
    return undefined;
  }
  const link = new FrameLink(connection, { methods, isOpener: true, name: "the connection to the engine" });
  void link.run(signal);
  return link;
}

function sessionHeaders(
  id: string,
  sharedKey: string,
  methods: Methods,
): Readonly<Record<string, string | readonly string[]>> {
  return {
    "X-Docker-Expose-Session-Uuid": id,
    "X-Docker-Expose-Session-Name": "",
    "X-Docker-Expose-Session-Sharedkey": sharedKey,
    "X-Docker-Expose-Session-Grpc-Method": [...methods.keys()],
  };
}
