import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { bytesMessage, checkAgentRequest, nothing } from "#api/buildkit/session.ts";
import { type Fault, isFault } from "#base/fault.ts";
import type { Session } from "./sessions.ts";

const checkMethod = "/moby.sshforward.v1.SSH/CheckAgent";
const forwardMethod = "/moby.sshforward.v1.SSH/ForwardAgent";
/** Connections of one step at a time. */
const maxConnections = 32;
const pieceBytes = 1 << 20;

/**
 * A socket on which the client's ssh agent answers, until it is disposed of; undefined when the client forwards none by that ID.
 *
 * @see github.com/moby/buildkit, session/sshforward/ssh.proto
 */
export async function forwardAgent(
  session: Session,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<AsyncDisposable | undefined> {
  if (!session.supports(forwardMethod)) return undefined;
  try {
    await session.client.unary(checkMethod, [checkAgentRequest, nothing], { id }, signal);
  } catch (error) {
    if (isFault(error) && isRefusal(error)) return undefined;
    throw error;
  }
  const stop = new AbortController();
  const connections = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    socket.on("error", () => {});
    void forward(session, id, socket, AbortSignal.any([signal, stop.signal]));
  });
  server.maxConnections = maxConnections;
  server.listen(path);
  await once(server, "listening");
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(path, { force: true });
    },
  };
}

/** The client has no such agent, or none at all. */
function isRefusal({ kind, message }: Fault): boolean {
  return kind === "not-found" || kind === "not-implemented" || message.includes("unset ssh forward key");
}

/** Never throws: a step sees its connection close. */
async function forward(session: Session, id: string, socket: Socket, signal: AbortSignal): Promise<void> {
  try {
    using call = session.client.open(forwardMethod, { "buildkit.ssh.id": id }, signal);
    const send = async () => {
      for await (const piece of socket)
        for (let at = 0; at < (piece as Buffer).length; at += pieceBytes)
          await call.send(bytesMessage.encode({ data: (piece as Buffer).subarray(at, at + pieceBytes) }));
      call.finish();
    };
    const receive = async () => {
      for await (const message of call.messages())
        if (!socket.write(bytesMessage.decode(message).data)) await once(socket, "drain", { signal });
      socket.end();
    };
    await Promise.all([send(), receive()]);
  } catch {
    socket.destroy();
  }
}
