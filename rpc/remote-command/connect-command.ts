import type { Duplex, Readable, Writable } from "node:stream";
import { Fault } from "#base/fault.ts";
import { SpdySession } from "../spdy/session.ts";
import { exitStatus, failureStatus, type RemoteStatus } from "./remote-status.ts";
import type { TerminalSize, WantedStreams } from "./streams.ts";

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

/** Versions of the protocol over SPDY, best first. */
export const commandProtocols = [
  "v4.channel.k8s.io",
  "v3.channel.k8s.io",
  "v2.channel.k8s.io",
  "channel.k8s.io",
];

/** A command whose connection has become SPDY/3.1. @throws {Fault} `unavailable` */
export async function spdyCommand(
  socket: Duplex,
  protocol: string,
  wanted: WantedStreams,
): Promise<RemoteCommand> {
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

/** @throws {Fault} `unavailable` for no status */
export function parseStatus(text: string): RemoteStatus {
  try {
    return JSON.parse(text) as RemoteStatus;
  } catch (cause) {
    throw new Fault("unavailable", "the connection was over before the command", { cause });
  }
}
