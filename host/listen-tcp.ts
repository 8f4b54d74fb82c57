import type { Server } from "node:net";
import { Fault, messageOf } from "#base/fault.ts";

const MAX_TCP_CONNECTIONS = 1000;

/**
 * Makes the server take TCP connections, of which it keeps so few that strangers cannot use up the daemon's descriptors.
 *
 * @throws {Fault} `conflict` when the address is taken, `invalid` when it is none of this machine's
 */
export async function listenOnTcp(server: Server, host: string, port: number): Promise<void> {
  server.maxConnections = MAX_TCP_CONNECTIONS;
  const listening = untilListening(server);
  server.listen({ port, ...(host !== "" && { host }) });
  try {
    await listening;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `cannot listen on ${host}:${port}: ${messageOf(error)}`;
    throw new Fault(code === "EADDRINUSE" ? "conflict" : "invalid", message, { cause: error });
  }
}

/** Resolves when a server that was told to listen does, rejects when it cannot. */
export function untilListening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}
