import type { Duplex } from "node:stream";
import { statusErrorOf } from "#client/kube/kube-requests.ts";
import { connectionStream } from "../streams/connection-stream.ts";
import type { Kube } from "./session.ts";

/** Has a connection become SPDY/3.1, in the first of the protocols that the server has. @throws {StatusError} when it refuses */
export async function upgrade(
  { transport, headers }: Kube,
  path: string,
  protocols: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly socket: Duplex; readonly protocol: string }> {
  const answer = await transport.hijack(
    {
      method: "POST",
      path,
      headers: { ...headers, Upgrade: "SPDY/3.1", "X-Stream-Protocol-Version": protocols },
    },
    signal,
  );
  if (answer.kind !== "hijacked") throw await statusErrorOf(answer, { method: "POST", path });
  return { socket: connectionStream(answer), protocol: answer.headers["x-stream-protocol-version"] ?? "" };
}
