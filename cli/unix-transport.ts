import type { Transport } from "#client/transport.ts";
import { openTransport } from "./transport/open-transport.ts";

/** HTTP over a unix socket, a connection for each request. */
export function unixTransport(socketPath: string): Transport {
  return openTransport({ kind: "unix", path: socketPath });
}
