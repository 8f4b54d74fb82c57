import type { Duplex } from "node:stream";
import type { Connection } from "#client/transport.ts";
import { drained } from "#host/drained.ts";

/** A stream in the form of a connection. Its errors end it. */
export function duplexConnection(socket: Duplex): Connection {
  socket.on("error", () => socket.destroy());
  return {
    incoming: socket as AsyncIterable<Uint8Array>,
    async write(bytes) {
      if (socket.destroyed) throw new Error("the connection was closed");
      if (!socket.write(bytes)) await drained(socket);
    },
    closeWrite: () => void socket.end(),
    close: () => void socket.destroy(),
  };
}
