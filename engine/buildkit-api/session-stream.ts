import type { IncomingHttpHeaders } from "node:http";
import { Duplex } from "node:stream";
import { bytesMessage } from "#api/buildkit/session.ts";
import { GrpcClient } from "#rpc/grpc-client.ts";
import type { Method, ServerCall } from "#rpc/methods.ts";
import type { Sessions } from "./sessions.ts";

const pieceBytes = 1 << 20;
const headers = [
  "x-docker-expose-session-uuid",
  "x-docker-expose-session-sharedkey",
  "x-docker-expose-session-grpc-method",
] as const;

/** A session within a call of the control service, for clients that share one among several builds. */
export function sessionMethod(sessions: Sessions): Method {
  return async (call) => {
    const given: IncomingHttpHeaders = {};
    for (const name of headers) given[name] = call.metadataList(name).join(",");
    sessions.check(given);
    call.open({});
    await sessions.serve(new GrpcClient(streamOf(call), "the client's session"), given, call.signal);
  };
}

/** The bytes that both sides' messages carry. */
function streamOf(call: ServerCall): Duplex {
  const messages = call.messages[Symbol.asyncIterator]();
  return new Duplex({
    read() {
      messages.next().then(
        ({ done, value }) => this.push(done === true ? null : bytesMessage.decode(value).data),
        (error: unknown) => this.destroy(error as Error),
      );
    },
    write(chunk: Buffer, _encoding, done) {
      sendAll(call, chunk).then(
        () => done(),
        (error: unknown) => done(error as Error),
      );
    },
  });
}

async function sendAll(call: ServerCall, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length; at += pieceBytes)
    await call.send(bytesMessage.encode({ data: chunk.subarray(at, at + pieceBytes) }));
}
