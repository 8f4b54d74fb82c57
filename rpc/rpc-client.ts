import type { Codec } from "#base/protobuf.ts";
import { Fault } from "#base/fault.ts";

export type Metadata = Readonly<Record<string, string | readonly string[]>>;

/** A call with any number of messages in both directions. */
export interface ClientCall extends Disposable {
  /** Settles when the other side can take more. @throws when the call is over */
  send(message: Uint8Array): Promise<void>;
  /** No more messages will be sent. */
  finish(): void;
  /** @throws {Fault} with what the other side says when the call fails */
  messages(): AsyncGenerator<Buffer>;
}

/** Calls the services of whoever is at the other end of a connection. */
export interface RpcClient {
  readonly isClosed: boolean;
  /** Settles when the connection is over. */
  closed(): Promise<void>;
  destroy(): void;
  /** @throws {Fault} `unavailable` when the connection is over */
  open(path: string, metadata: Metadata, signal: AbortSignal): ClientCall;
  /** One message there and one back. @throws {Fault} with what the other side says */
  unary<Request, Response>(
    path: string,
    codecs: readonly [Codec<Request>, Codec<Response>],
    request: Partial<Request>,
    signal: AbortSignal,
    metadata?: Metadata,
  ): Promise<Response>;
}

/** Over {@link RpcClient.open}. @throws {Fault} with what the other side says */
export async function callOnce<Request, Response>(
  { open }: { readonly open: () => ClientCall },
  path: string,
  codecs: readonly [Codec<Request>, Codec<Response>],
  request: Partial<Request>,
): Promise<Response> {
  using call = open();
  await call.send(codecs[0].encode(request));
  call.finish();
  let answer: Response | undefined;
  for await (const message of call.messages()) answer ??= codecs[1].decode(message);
  if (answer === undefined) throw new Fault("internal", `${path}: no answer`);
  return answer;
}
