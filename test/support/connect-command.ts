import { PassThrough, Writable } from "node:stream";
import { Fault } from "#base/fault.ts";
import {
  commandProtocols,
  parseStatus,
  type RemoteCommand,
  spdyCommand,
} from "#rpc/remote-command/connect-command.ts";
import type { RemoteStatus } from "#rpc/remote-command/remote-status.ts";
import type { WantedStreams } from "#rpc/remote-command/streams.ts";
import { type ConnectOptions, openSpdy, openWebSocket } from "./open-upgrade.ts";

/** Runs or attaches to a command by SPDY/3.1. @throws {Fault} `remote`, `unavailable` */
export async function connectSpdyCommand(
  url: URL,
  wanted: WantedStreams,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<RemoteCommand> {
  const { socket, protocol } = await openSpdy(url, commandProtocols, options, signal);
  return await spdyCommand(socket, protocol, wanted);
}

/** Runs or attaches to a command by WebSocket. @throws {Fault} `remote` */
export async function connectWebSocketCommand(
  url: URL,
  wanted: WantedStreams,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<RemoteCommand> {
  const socket = await openWebSocket(url, ["v5.channel.k8s.io", "v4.channel.k8s.io"], options, signal);
  const outputs = [undefined, new PassThrough(), new PassThrough()];
  const status = Promise.withResolvers<RemoteStatus>();
  status.promise.catch(() => {}); // whoever waits for it sees it
  const send = (channel: number, bytes: Uint8Array, done: () => void = () => {}) => {
    if (socket.readyState !== socket.OPEN) return done();
    socket.send(Buffer.concat([Buffer.from([channel]), bytes]), () => done());
  };
  socket.on("message", (data: Buffer) => {
    const [channel = 0] = data;
    const bytes = Buffer.from(data.subarray(1));
    if (channel === 3 && bytes.length > 0) status.resolve(parseStatus(bytes.toString()));
    else if (bytes.length > 0 && outputs[channel]?.write(bytes) === false) {
      socket.pause();
      outputs[channel].once("drain", () => socket.resume());
    }
  });
  socket.once("close", () => {
    for (const output of outputs) output?.end();
    status.reject(new Fault("unavailable", "the connection was over before the command"));
  });
  socket.resume();
  const isV5 = socket.protocol.startsWith("v5");
  return {
    stdin: wanted.stdin
      ? new Writable({
          write: (bytes: Buffer, _encoding, done) => send(0, bytes, done),
          final: (done) => (isV5 ? send(255, Buffer.from([0]), done) : done()),
        })
      : undefined,
    stdout: wanted.stdout ? outputs[1] : undefined,
    stderr: wanted.stderr && !wanted.tty ? outputs[2] : undefined,
    resize: ({ width, height }) => send(4, Buffer.from(JSON.stringify({ Width: width, Height: height }))),
    status: status.promise,
    [Symbol.dispose]: () => socket.terminate(),
  };
}
