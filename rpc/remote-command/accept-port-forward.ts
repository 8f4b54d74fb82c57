import { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { Fault, messageOf } from "#base/fault.ts";
import { SpdySession } from "../spdy/session.ts";
import type { SpdyStream } from "../spdy/stream.ts";
import { acceptSpdy, isSpdy, isWebSocket, offered, refuseUpgrade, type UpgradeRequest } from "./upgrade.ts";
import { acceptWebSocket } from "./websocket-streams.ts";

const spdyProtocol = "portforward.k8s.io";
const tunnelProtocol = "SPDY/3.1+portforward.k8s.io";
const channelProtocols = ["v4.channel.k8s.io", "portforward.k8s.io"];

/** Connects to a port. @throws with what the client is to be told */
export type Dial = (port: number) => Promise<Duplex>;

/** How long a connection's second stream may take. */
const pairTimeoutMs = 30_000;

/**
 * Takes a client's request to forward ports, by SPDY/3.1, SPDY in a WebSocket, or channels of a WebSocket. Settles when the client
 * has gone, or `signal` has aborted.
 *
 * @param ports those that were asked for where the protocol does not say, as with channels
 * @throws {Fault} `invalid` when it does not come to that; the client has been told then
 * @see Kubernetes, k8s.io/kubelet pkg/cri/streaming/portforward
 */
export async function acceptPortForward(
  upgrade: UpgradeRequest,
  ports: readonly number[],
  dial: Dial,
  signal: AbortSignal,
): Promise<void> {
  if (isWebSocket(upgrade.request)) {
    const { socket, protocol } = await acceptWebSocket(upgrade, [tunnelProtocol, ...channelProtocols]);
    if (protocol !== tunnelProtocol) return forwardChannels(socket, ports, dial, signal);
    const { createWebSocketStream } = await import("ws");
    return forwardStreams(createWebSocketStream(socket), dial, signal);
  }
  if (!isSpdy(upgrade.request)) {
    refuseUpgrade(upgrade.socket, "400 Bad Request", "unable to upgrade: neither SPDY/3.1 nor WebSocket");
    throw new Fault("invalid", "neither SPDY/3.1 nor WebSocket");
  }
  const theirs = offered(upgrade.request, "X-Stream-Protocol-Version");
  if (theirs.length > 0 && !theirs.includes(spdyProtocol)) {
    refuseUpgrade(upgrade.socket, "403 Forbidden", "unable to upgrade: unable to negotiate protocol", [
      `X-Accepted-Stream-Protocol-Versions: ${spdyProtocol}`,
    ]);
    throw new Fault("invalid", "no protocol of port forwarding in common");
  }
  acceptSpdy(upgrade, spdyProtocol);
  return forwardStreams(upgrade.socket, dial, signal);
}

interface Pair {
  data?: SpdyStream;
  error?: SpdyStream;
  readonly timer: NodeJS.Timeout;
}

/** Every connection is two streams, one of data and one for what goes wrong. */
async function forwardStreams(connection: Duplex, dial: Dial, signal: AbortSignal): Promise<void> {
  const pairs = new Map<string, Pair>();
  const session = new SpdySession(connection, "server", (stream) => {
    const { streamtype: type, port = "", requestid: id = port } = stream.headers;
    if ((type !== "data" && type !== "error") || !isPort(port)) return void stream.destroy();
    stream.reply();
    const pair: Pair = pairs.get(id) ?? { timer: setTimeout(() => giveUp(pairs, id), pairTimeoutMs).unref() };
    pair[type] = stream;
    pairs.set(id, pair);
    const { data, error } = pair;
    if (data === undefined || error === undefined) return;
    clearTimeout(pair.timer);
    pairs.delete(id);
    void forwardOne(data, error, Number(port), dial);
  });
  const stop = () => session[Symbol.dispose]();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  await session.ended;
  signal.removeEventListener("abort", stop);
  for (const { timer } of pairs.values()) clearTimeout(timer);
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) <= 65535;
}

function giveUp(pairs: Map<string, Pair>, id: string): void {
  const pair = pairs.get(id);
  pairs.delete(id);
  for (const stream of [pair?.data, pair?.error]) stream?.destroy();
}

async function forwardOne(data: SpdyStream, error: SpdyStream, port: number, dial: Dial): Promise<void> {
  error.resume();
  try {
    const target = await dial(port);
    if (data.destroyed) target.destroy();
    else await joined(data, target);
  } catch (cause) {
    error.write(`an error occurred forwarding ${port} -> ${port}: ${messageOf(cause)}`);
  }
  error.end();
  data.end();
  // What the client still sends is for nobody.
  data.resume();
  if (!data.readableEnded) data.once("end", () => data.destroy());
}

/** Carries bytes both ways; settles when the target has ended, or either side is gone. */
async function joined(client: Duplex, target: Duplex): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  target.on("error", () => resolve());
  client.on("error", () => resolve());
  target.once("close", () => resolve());
  target.once("end", () => resolve());
  client.once("close", () => resolve());
  client.pipe(target);
  target.pipe(client, { end: false });
  await promise;
  client.unpipe(target);
  target.destroy();
}

/** Channels 2i and 2i+1 are data and errors of the port i; each begins with its port's number. */
async function forwardChannels(
  socket: WebSocket,
  ports: readonly number[],
  dial: Dial,
  signal: AbortSignal,
): Promise<void> {
  const send = (channel: number, bytes: Buffer, done: () => void) => {
    if (socket.readyState === socket.OPEN)
      socket.send(Buffer.concat([Buffer.from([channel]), bytes]), () => done());
    else done();
  };
  const clients = ports.map((port, index) => {
    const announced = Buffer.alloc(2);
    announced.writeUInt16LE(port);
    for (const channel of [2 * index, 2 * index + 1]) send(channel, announced, () => {});
    return new Duplex({
      read: () => socket.resume(),
      write: (bytes: Buffer, _encoding, done) => send(2 * index, bytes, done),
      allowHalfOpen: true,
    });
  });
  socket.on("message", (data: Buffer) => {
    const [channel = 1] = data;
    if (channel % 2 === 0 && clients[channel / 2]?.push(data.subarray(1)) === false) socket.pause();
  });
  socket.on("error", () => {}); // `close` follows
  socket.resume();
  const stop = () => socket.terminate();
  signal.addEventListener("abort", stop, { once: true });
  for (const [index, client] of clients.entries()) {
    const port = ports[index] ?? 0;
    dial(port).then(
      (target) => void joined(client, target).then(() => socket.close(1000)),
      (cause: unknown) =>
        send(
          2 * index + 1,
          Buffer.from(`an error occurred forwarding ${port}: ${messageOf(cause)}`),
          () => {},
        ),
    );
  }
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  signal.removeEventListener("abort", stop);
  for (const client of clients) client.destroy();
}
