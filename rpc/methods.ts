import { messageOf } from "#base/fault.ts";
import type { Codec } from "#base/protobuf.ts";
import { RpcError, codes } from "./status.ts";

/** One call, as a method sees it. */
export interface ServerCall {
  /** Of the request's headers; the first value, or none as an empty text. */
  readonly metadata: (name: string) => string;
  /** All values. */
  readonly metadataList: (name: string) => readonly string[];
  readonly messages: AsyncIterable<Buffer>;
  /** Settles when the client can take more. @throws when the call is over */
  send(message: Uint8Array): Promise<void>;
  /** Headers that go out before the first message. */
  open(headers: Readonly<Record<string, string>>): void;
  /** Aborted when the client gives the call up or leaves. */
  readonly signal: AbortSignal;
}

export type Method = (call: ServerCall) => Promise<void>;

/** By path, `/package.Service/Method`. */
export type Methods = ReadonlyMap<string, Method>;

/** A method with one message in and one out. */
export function unary<Request, Response>(
  request: Codec<Request>,
  response: Codec<Response>,
  answer: (request: Request, call: ServerCall) => Promise<Partial<Response>> | Partial<Response>,
): Method {
  return async (call) => {
    await call.send(response.encode(await answer(await onlyMessage(request, call), call)));
  };
}

/** A method with one message in and any number out. */
export function streaming<Request, Response>(
  request: Codec<Request>,
  response: Codec<Response>,
  answer: (
    request: Request,
    send: (message: Partial<Response>) => Promise<void>,
    call: ServerCall,
  ) => Promise<void>,
): Method {
  return async (call) => {
    const asked = await onlyMessage(request, call);
    call.open({ "buildkit-current-timestamp": new Date().toISOString() });
    await answer(asked, (message) => call.send(response.encode(message)), call);
  };
}

async function onlyMessage<T>(codec: Codec<T>, { messages }: ServerCall): Promise<T> {
  for await (const message of messages) return decoded(codec, message);
  throw new RpcError({ code: codes.internal, message: "grpc: no message", details: [] });
}

function decoded<T>(codec: Codec<T>, message: Uint8Array): T {
  try {
    return codec.decode(message);
  } catch (error) {
    throw new RpcError({ code: codes.internal, message: `grpc: ${messageOf(error)}`, details: [] });
  }
}
