import type { Codec } from "#base/protobuf.ts";
import { Fault, messageOf } from "#base/fault.ts";
import type { Method, ServerCall } from "#rpc/methods.ts";
import type { MethodRow, RequestOf, ResponseOf } from "#rpc/method-row.ts";
import { codes, RpcError } from "#rpc/status.ts";

/** What answers a service's methods; those that it leaves out are `unimplemented`. */
export type Answers<Service> = {
  readonly [Name in keyof Service]?: Service[Name] extends { readonly isStream: true }
    ? (
        request: RequestOf<Service[Name]>,
        send: (message: Partial<ResponseOf<Service[Name]>>) => Promise<void>,
        call: ServerCall,
      ) => Promise<void>
    : (
        request: RequestOf<Service[Name]>,
        call: ServerCall,
      ) => Promise<Partial<ResponseOf<Service[Name]>>> | Partial<ResponseOf<Service[Name]>>;
};

type AnyAnswer = (request: unknown, ...rest: readonly unknown[]) => unknown;

/** The methods of a service, by their paths. */
export function* methodsOf<const Service extends Readonly<Record<string, MethodRow>>>(
  service: Service,
  answers: Answers<Service>,
): Generator<readonly [string, Method]> {
  for (const [name, { path, codecs, isStream }] of Object.entries(service)) {
    const answer = answers[name] as AnyAnswer | undefined;
    if (answer === undefined) continue;
    const [request, response] = codecs;
    const send = (call: ServerCall) => (message: object) => call.send(response.encode(message));
    yield [
      path,
      isStream
        ? async (call) => void (await answer(await requestOf(request, call), send(call), call))
        : async (call) => send(call)((await answer(await requestOf(request, call), call)) as object),
    ];
  }
}

async function requestOf(codec: Codec<unknown>, { messages }: ServerCall): Promise<unknown> {
  for await (const message of messages)
    try {
      return codec.decode(message);
    } catch (error) {
      throw new RpcError({
        code: codes.internal,
        message: `grpc: error unmarshalling request: ${messageOf(error)}`,
        details: [],
      });
    }
  throw new Fault("invalid", "grpc: no message");
}
