import type { Socket } from "node:net";
import type { Connection } from "#client/transport.ts";
import { drained } from "#host/drained.ts";
import { ByteQueue } from "./byte-queue.ts";

/** Waits until a socket is connected (or its TLS session stands) and gives it the form of a connection. */
export async function connectionOf(
  socket: Socket,
  ready: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<Connection> {
  const queue = new ByteQueue(
    (isFlowing) => (isFlowing ? socket.resume() : socket.pause()),
    () => signal.removeEventListener("abort", abort),
  );
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => {
    const aborted = new DOMException("The operation was aborted", "AbortError");
    queue.end(aborted);
    reject(aborted);
    socket.destroy();
  };
  signal.addEventListener("abort", abort, { once: true });
  socket.on("data", (bytes: Buffer) => queue.push(bytes));
  socket.on("end", () => queue.end());
  socket.on("close", () => queue.end());
  socket.once(ready, () => resolve());
  socket.on("error", (error) => {
    reject(error);
    queue.end(error);
  });
  if (signal.aborted) abort();
  await promise;
  return {
    incoming: queue,
    async write(bytes) {
      if (socket.destroyed) throw new Error("the connection was closed");
      if (!socket.write(bytes)) await drained(socket);
    },
    closeWrite: () => void socket.end(),
    close: () => void socket.destroy(),
  };
}
