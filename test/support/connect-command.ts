import { PassThrough, type Readable, Writable } from "node:stream";
import { Fault } from "#base/fault.ts";
import { SpdySession } from "#rpc/spdy/session.ts";
import { type ConnectOptions, openSpdy, openWebSocket } from "./open-upgrade.ts";
import { exitStatus, failureStatus, type RemoteStatus } from "#rpc/remote-command/remote-status.ts";
import type { TerminalSize, WantedStreams } from "#rpc/remote-command/streams.ts";

/** A command elsewhere, as its client has it. Disposing of it ends the connection. */
export interface RemoteCommand extends Disposable {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Of the client's terminal, when it has changed. */
  resize(size: TerminalSize): void;
  /** Settles when the command is over. @throws {Fault} `unavailable` when the connection is over before */
  readonly status: Promise<RemoteStatus>;
}

/** Runs or attaches to a command by SPDY/3.1. @throws {Fault} `remote`, `unavailable` */
export async function connectSpdyCommand(
  url: URL,
  wanted: WantedStreams,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<RemoteCommand> {
  const offered = ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"];
  const { socket, protocol } = await openSpdy(url, offered, options, signal);
  const session = new SpdySession(socket, "client", (stream) => stream.destroy());
  const open = (streamtype: string) => session.openStream({ streamtype });
  const error = await open("error");
  const stdin = wanted.stdin ? await open("stdin") : undefined;
  const stdout = wanted.stdout ? await open("stdout") : undefined;
  const stderr = wanted.stderr && !wanted.tty ? await open("stderr") : undefined;
  const resize = wanted.tty && /^v[34]/.test(protocol) ? await open("resize") : undefined;
  for (const stream of [error, stdout, stderr]) stream?.end();
  for (const stream of [stdin, resize]) stream?.resume();
  const status = readStatus(error, protocol);
  status.catch(() => {}); // whoever waits for it sees it
  return {
    stdin,
    stdout,
    stderr,
    resize: ({ width, height }) => resize?.write(`${JSON.stringify({ Width: width, Height: height })}\n`),
    status,
    [Symbol.dispose]: () => session[Symbol.dispose](),
  };
}

async function readStatus(error: Readable, protocol: string): Promise<RemoteStatus> {
  let text = "";
  error.on("error", () => {});
  for await (const piece of error) text += String(piece);
  if (!protocol.startsWith("v4")) return text === "" ? exitStatus(0) : oldStatus(text);
  return parseStatus(text);
}

/** As it was told before there was a status. */
function oldStatus(text: string): RemoteStatus {
  const code = /exit status (\d+)$/.exec(text)?.[1];
  return code === undefined ? failureStatus(text) : exitStatus(Number(code));
}

function parseStatus(text: string): RemoteStatus {
  try {
    return JSON.parse(text) as RemoteStatus;
  } catch (cause) {
    throw new Fault("unavailable", "the connection was over before the command", { cause });
  }
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
