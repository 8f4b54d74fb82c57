import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { DockerRequest } from "./hijack.ts";

interface ParserState {
  readonly parser?: { incoming?: IncomingMessage | null } | null;
}

/**
 * A request that takes its connection over without an `Upgrade` header may have its first input right behind it, which Node's
 * parser takes for a broken second request. Finds that request and the input, and detaches the parser from the socket.
 *
 * What reads as an HTTP request is lost to the parser: clients that send an `Upgrade` header, as all current ones do, are not
 * concerned.
 */
export function findStrayInput(
  error: { readonly rawPacket?: Buffer },
  socket: Socket,
): { readonly request: IncomingMessage; readonly rest: Buffer } | undefined {
  const request = (socket as ParserState).parser?.incoming;
  const packet = error.rawPacket;
  if (!(request instanceof DockerRequest) || !request.upgrade || !request.complete || packet === undefined)
    return undefined;
  for (const event of ["data", "end", "close", "drain", "error", "timeout"]) socket.removeAllListeners(event);
  // Nobody listens until the route does: as Node itself does before an upgrade, so that nothing flows away meanwhile.
  (socket as { readableFlowing: boolean | null }).readableFlowing = null;
  return { request, rest: inputBehind(request, packet) };
}

function inputBehind(request: IncomingMessage, packet: Buffer): Buffer {
  const start = Math.max(packet.indexOf(`${request.method} ${request.url} HTTP/1.`, 0, "latin1"), 0);
  const head = packet.indexOf("\r\n\r\n", start, "latin1");
  const length = Number(request.headers["content-length"] ?? 0);
  return head < 0 ? packet.subarray(length) : packet.subarray(head + 4 + length);
}
