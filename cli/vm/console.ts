import { once } from "node:events";
import { messageOf, Fault } from "#base/fault.ts";
import type { Hijacked } from "#client/transport.ts";
import { duplexConnection } from "#rpc/duplex-connection.ts";
import type { HypercoreAccess } from "./open-hypercore.ts";

/** The websocket of a machine's serial port or screen. */
export function consoleUrl({ url }: HypercoreAccess, uuid: string, kind: "serial" | "vnc"): string {
  return `wss://${url.host}/console/${uuid}/${kind}`;
}

/**
 * Joins a machine's serial port. The end of what is typed does not end it: the port goes on as long as the machine runs.
 *
 * @throws {Fault} `unavailable` when the hypervisor refuses
 */
export async function openSerial(
  access: HypercoreAccess,
  uuid: string,
  signal: AbortSignal,
): Promise<Hijacked> {
  const { createWebSocketStream, WebSocket } = await import("ws");
  const { Authorization = "" } = access.headers;
  const socket = new WebSocket(consoleUrl(access, uuid, "serial"), ["binary"], {
    ca: access.ca,
    headers: { Authorization },
    perMessageDeflate: false,
  });
  try {
    await once(socket, "open", { signal });
  } catch (cause) {
    socket.on("error", () => {});
    socket.terminate();
    signal.throwIfAborted();
    throw new Fault("unavailable", `no console: ${messageOf(cause)}`, { cause });
  }
  const connection = duplexConnection(createWebSocketStream(socket));
  return { ...connection, kind: "hijacked", headers: {}, closeWrite: () => {} };
}
