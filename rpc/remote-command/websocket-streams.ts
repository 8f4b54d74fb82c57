import { Readable, Writable } from "node:stream";
import type { WebSocket } from "ws";
import { Fault } from "#base/fault.ts";
import { flushed, type RemoteStreams, SizeQueue, type WantedStreams } from "./streams.ts";
import { offered, refuseUpgrade, type UpgradeRequest } from "./upgrade.ts";

const protocols = [
  "v5.channel.k8s.io",
  "v4.channel.k8s.io",
  "v4.base64.channel.k8s.io",
  "v3.channel.k8s.io",
  "v2.channel.k8s.io",
  "channel.k8s.io",
  "base64.channel.k8s.io",
];
const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

const maxMessageBytes = 32 << 20;

/** Switches to WebSocket, in the first protocol of the client's that is one of these. No message comes before the socket is resumed. @throws {Fault} `invalid` without one */
export async function acceptWebSocket(
  { request, socket, head }: UpgradeRequest,
  known: readonly string[],
): Promise<{ readonly socket: WebSocket; readonly protocol: string }> {
  const { WebSocketServer } = await import("ws");
  const theirs = offered(request, "Sec-WebSocket-Protocol");
  const protocol = theirs.find((name) => known.includes(name));
  if (theirs.length > 0 && protocol === undefined) {
    refuseUpgrade(
      socket,
      "400 Bad Request",
      `unable to upgrade: no protocol of ${theirs.join(", ")} is known`,
    );
    throw new Fault("invalid", "no protocol of WebSockets in common");
  }
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
  });
  // Of Kubernetes' protocols one has a name that HTTP does not allow, and that its clients send all the same.
  delete request.headers["sec-websocket-protocol"];
  server.on("headers", (headers) => {
    if (protocol !== undefined) headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
  });
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
  socket.once("close", () => reject(new Fault("unavailable", "the client has gone")));
  server.handleUpgrade(request, socket, head, (opened) => {
    opened.pause();
    resolve(opened);
  });
  return { socket: await promise, protocol: protocol ?? "" };
}

/** A command over one WebSocket: the first byte of each message says which stream it is of. */
export async function acceptWebSocketCommand(
  upgrade: UpgradeRequest,
  wanted: WantedStreams,
): Promise<RemoteStreams> {
  const { socket, protocol } = await acceptWebSocket(upgrade, protocols);
  const isBase64 = protocol.includes("base64");
  const departure = new AbortController();
  const send = (number: number, bytes: Buffer, done: () => void) => {
    if (socket.readyState !== socket.OPEN) return done();
    const message = isBase64
      ? `${number}${bytes.toString("base64")}`
      : Buffer.concat([Buffer.from([number]), bytes]);
    socket.send(message, () => done());
  };
  const output = (number: number) =>
    new Writable({ write: (bytes: Buffer, _encoding, done) => send(number, bytes, done) });
  const stdin = wanted.stdin ? new Readable({ read: () => socket.resume() }) : undefined;
  const sizes = wanted.tty ? new SizeQueue() : undefined;
  const stdout = wanted.stdout ? output(channel.stdout) : undefined;
  const stderr = wanted.stderr && !wanted.tty ? output(channel.stderr) : undefined;
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    const [number, bytes] = messageOf(data, isBinary, isBase64);
    if (number === channel.stdin && stdin?.push(bytes) === false) socket.pause();
    else if (number === channel.resize) sizes?.pushText(bytes.toString());
    else if (number === channel.close && bytes[0] === channel.stdin) stdin?.push(null);
  });
  socket.on("error", () => {}); // `close` follows
  socket.once("close", () => {
    departure.abort();
    sizes?.end();
    stdin?.destroy();
  });
  socket.resume();
  return {
    stdin,
    stdout,
    stderr,
    sizes,
    signal: departure.signal,
    finish: async (status) => {
      await Promise.all([flushed(stdout), flushed(stderr)]);
      await new Promise<void>((resolve) => send(channel.error, Buffer.from(JSON.stringify(status)), resolve));
      socket.resume();
      socket.close(1000);
      await new Promise<void>((resolve) =>
        socket.readyState === socket.CLOSED ? resolve() : socket.once("close", () => resolve()),
      );
    },
  };
}

function messageOf(data: Buffer, isBinary: boolean, isBase64: boolean): readonly [number, Buffer] {
  if (!isBase64) return [data[0] ?? -1, data.subarray(1)];
  const text = data.toString(isBinary ? "latin1" : "utf8");
  return [text.charCodeAt(0) - "0".charCodeAt(0), Buffer.from(text.slice(1), "base64")];
}
