import type { Duplex } from "node:stream";
import { SpdySession } from "../spdy/session.ts";

/** Ports of a pod elsewhere. Disposing of it ends every connection. */
export interface ForwardedPorts extends Disposable {
  /** A connection to the port; `failure` is what went wrong there, empty when nothing did, known when it is over. */
  open(port: number): Promise<{ readonly data: Duplex; readonly failure: Promise<string> }>;
  /** Settles when the connection to the pod is over. */
  readonly ended: Promise<void>;
}

export const portForwardProtocol = "portforward.k8s.io";

/** Ports whose connection has become SPDY/3.1. */
export function spdyPorts(socket: Duplex): ForwardedPorts {
  const session = new SpdySession(socket, "client", (stream) => stream.destroy());
  let requests = 0;
  return {
    open: async (number) => {
      const common = { port: String(number), requestid: String(requests++) };
      const error = await session.openStream({ streamtype: "error", ...common });
      error.end();
      const data = await session.openStream({ streamtype: "data", ...common });
      return { data, failure: readAll(error) };
    },
    ended: session.ended,
    [Symbol.dispose]: () => session[Symbol.dispose](),
  };
}

async function readAll(stream: Duplex): Promise<string> {
  let text = "";
  stream.on("error", () => {});
  for await (const piece of stream) text += String(piece);
  return text;
}
