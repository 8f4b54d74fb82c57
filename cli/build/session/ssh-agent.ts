import { once } from "node:events";
import { connect } from "node:net";
import { bytesMessage, checkAgentRequest, nothing } from "#api/buildkit/session.ts";
import { Fault } from "#base/fault.ts";
import { type Method, unary } from "#rpc/methods.ts";

export const checkAgentPath = "/moby.sshforward.v1.SSH/CheckAgent";
export const forwardAgentPath = "/moby.sshforward.v1.SSH/ForwardAgent";
const pieceBytes = 1 << 20;
const defaultId = "default";

/** @param agents sockets of agents, by the ID that steps ask for */
export function checkAgentMethod(agents: ReadonlyMap<string, string>): Method {
  return unary(checkAgentRequest, nothing, ({ id }) => {
    if (!agents.has(id || defaultId)) throw unset(id || defaultId);
    return {};
  });
}

/** A connection to an agent for each call. @see github.com/moby/buildkit, session/sshforward/ssh.proto */
export function forwardAgentMethod(agents: ReadonlyMap<string, string>): Method {
  return async (call) => {
    const id = call.metadata("buildkit.ssh.id") || defaultId;
    const path = agents.get(id);
    if (path === undefined) throw unset(id);
    const socket = connect({ path, allowHalfOpen: true });
    const stop = () => socket.destroy();
    call.signal.addEventListener("abort", stop, { once: true });
    socket.on("error", () => {});
    call.open({});
    const receive = async () => {
      for await (const message of call.messages)
        if (!socket.write(bytesMessage.decode(message).data))
          await once(socket, "drain", { signal: call.signal });
      socket.end();
    };
    const send = async () => {
      for await (const piece of socket)
        for (let at = 0; at < (piece as Buffer).length; at += pieceBytes)
          await call.send(bytesMessage.encode({ data: (piece as Buffer).subarray(at, at + pieceBytes) }));
    };
    const received = receive();
    received.catch(stop);
    try {
      await send();
    } finally {
      call.signal.removeEventListener("abort", stop);
      socket.destroy();
    }
  };
}

function unset(id: string): Fault {
  return new Fault("invalid", `unset ssh forward key ${id}`);
}
