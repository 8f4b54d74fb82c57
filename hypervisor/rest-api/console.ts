import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { Fault } from "#base/fault.ts";
import { socketsOf } from "#hypervisor/qemu/launch.ts";
import type { MachineTable } from "#hypervisor/vms/machine-table.ts";
import type { Upgrade } from "./server.ts";

/**
 * The screen and the serial port of machines that run, over websockets: `/console/<uuid>/vnc` speaks RFB as noVNC expects it,
 * `/console/<uuid>/serial` bytes.
 */
export function consoleUpgrade(machines: MachineTable, runFolder: string): Upgrade {
  return (request, socket, head) => {
    const [, uuid = "", kind] = /^\/console\/([\da-f-]{36})\/(vnc|serial)$/.exec(request.url ?? "") ?? [];
    if (kind === undefined || machines.find(uuid) === undefined)
      throw new Fault("not-found", `There is no console '${request.url ?? ""}'`);
    const path = socketsOf(runFolder, uuid)[kind === "vnc" ? "vnc" : "serial"];
    const guest = connect(path);
    guest.once("error", () => socket.destroy());
    socket.once("close", () => guest.destroy());
    guest.once("connect", () => {
      join(request, socket, head, guest).catch(() => socket.destroy());
    });
  };
}

async function join(request: IncomingMessage, socket: Duplex, head: Buffer, guest: Duplex): Promise<void> {
  // Loaded for the first who looks.
  const { createWebSocketStream, WebSocketServer } = await import("ws");
  const server = new WebSocketServer({
    noServer: true,
    handleProtocols: (names) => (names.has("binary") ? "binary" : false),
  });
  server.handleUpgrade(request, socket, head, (websocket) => {
    const client = createWebSocketStream(websocket);
    pipeline(client, guest, () => guest.destroy());
    pipeline(guest, client, () => websocket.close());
  });
}
