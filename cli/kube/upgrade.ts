import type { Duplex } from "node:stream";
import { StatusError, type Status } from "#api/kube/status.ts";
import { readText } from "#client/streams.ts";
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
  if (answer.kind !== "hijacked") throw new StatusError(statusOf(await readText(answer.body), answer.status));
  return { socket: connectionStream(answer), protocol: answer.headers["x-stream-protocol-version"] ?? "" };
}

function statusOf(text: string, code: number): Status {
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === "Status") return status;
  } catch {
    // what stands between us and the server has answered
  }
  const message = text.trim() || `the server answered ${code}`;
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code };
}
