import { once } from "node:events";
import net from "node:net";
import { imageService, runtimeService } from "#api/cri/services.ts";
import { Fault } from "#base/fault.ts";
import { GrpcClient } from "./grpc-client.ts";
import type { MethodRow, RequestOf, ResponseOf } from "./method-row.ts";

/** A service's methods. Those that stream give their messages one by one until the signal aborts or the other side ends. */
type Calls<Service> = {
  readonly [Name in keyof Service]: (
    request: Partial<RequestOf<Service[Name]>>,
    signal: AbortSignal,
  ) => Service[Name] extends { readonly isStream: true }
    ? AsyncGenerator<ResponseOf<Service[Name]>>
    : Promise<ResponseOf<Service[Name]>>;
};

/** A container runtime, as the node agent uses it. @see kubernetes/cri-api, runtime.v1 */
export interface CriClient extends AsyncDisposable {
  readonly runtime: Calls<typeof runtimeService>;
  readonly images: Calls<typeof imageService>;
}

/**
 * A client of the runtime behind a unix socket. It connects at the first call, and again at the next call after the connection
 * was lost: calls under way fail with `unavailable` then, and whether they took effect is not known.
 */
export function criClient(socketPath: string): CriClient {
  let client: GrpcClient | undefined;
  let opening: Promise<GrpcClient> | undefined;
  const connected = async () => {
    if (client !== undefined && !client.isClosed) return client;
    opening ??= connect(socketPath).finally(() => (opening = undefined));
    client = await opening;
    return client;
  };
  return {
    runtime: callsOf(runtimeService, connected) as Calls<typeof runtimeService>,
    images: callsOf(imageService, connected) as Calls<typeof imageService>,
    [Symbol.asyncDispose]: async () => {
      await opening?.catch(() => {});
      client?.destroy();
      await client?.closed();
    },
  };
}

/** @throws {Fault} `unavailable` when nobody listens */
async function connect(path: string): Promise<GrpcClient> {
  const socket = net.connect({ path });
  try {
    await once(socket, "connect");
  } catch (cause) {
    throw new Fault("unavailable", `no container runtime at ${path}`, { cause });
  }
  return new GrpcClient(socket, "the container runtime's connection");
}

function callsOf(
  service: Readonly<Record<string, MethodRow>>,
  connected: () => Promise<GrpcClient>,
): Readonly<Record<string, unknown>> {
  const callOf = ({ path, codecs, isStream }: MethodRow) => {
    if (isStream)
      return async function* (request: object, signal: AbortSignal) {
        using call = (await connected()).open(path, {}, signal);
        await call.send(codecs[0].encode(request));
        call.finish();
        for await (const message of call.messages()) yield codecs[1].decode(message);
      };
    return async (request: object, signal: AbortSignal) =>
      (await connected()).unary(path, codecs, request, signal);
  };
  return Object.fromEntries(Object.entries(service).map(([name, row]) => [name, callOf(row)]));
}
