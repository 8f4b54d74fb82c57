import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { settled } from "./forward.ts";
import type { NamespaceDoor } from "./namespace-door.ts";
import { FrameReader, frame } from "./tcp-frames.ts";

/** Gives the bytes to send back, or undefined for silence. Never rejects. */
export type Respond = (bytes: Uint8Array, protocol: "udp" | "tcp") => Promise<Uint8Array | undefined>;

const TCP_IDLE_MS = 10_000;
const TCP_QUESTIONS_MAX = 32;
const TCP_CONNECTIONS_MAX = 16;

export interface ListenAddress {
  readonly address: string;
  readonly port: number;
  /** By TCP at once, so that nobody can use up the daemon's descriptors; absent: 16, enough for one container. */
  readonly connectionsMax?: number;
}

/** A name server's sockets, in any network namespace. As long as they are open they keep the namespace alive. */
export class DnsServer {
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();
  readonly #respond: Respond;

  private constructor(respond: Respond, connectionsMax: number) {
    this.#respond = respond;
    // Reuse lets a name server of the container's own listen on port 53 of all addresses, if it allows the same.
    this.#udp = createSocket({ type: "udp4", reuseAddr: true });
    this.#tcp = createServer((socket) => this.#serve(socket));
    this.#tcp.maxConnections = connectionsMax;
  }

  /** @throws the kernel's error, with nothing left open */
  static async open(
    gate: NamespaceDoor,
    netnsPath: string | undefined,
    { address, port, connectionsMax }: ListenAddress,
    respond: Respond,
  ): Promise<DnsServer> {
    const server = new DnsServer(respond, connectionsMax ?? TCP_CONNECTIONS_MAX);
    try {
      await gate.within(netnsPath, async () => {
        await settled(server.#udp, "listening", () => server.#udp.bind({ address, port }));
        await settled(server.#tcp, "listening", () => server.#tcp.listen({ host: address, port }));
      });
    } catch (error) {
      server.close();
      throw error;
    }
    server.#udp.on("error", () => {}).on("message", (bytes, from) => void server.#answer(bytes, from));
    server.#tcp.on("error", () => {});
    return server;
  }

  close(): void {
    this.#udp.on("error", () => {});
    this.#udp.close();
    if (this.#tcp.listening) this.#tcp.close();
    for (const socket of this.#connections) socket.destroy();
  }

  async #answer(bytes: Uint8Array, from: { readonly address: string; readonly port: number }): Promise<void> {
    const reply = await this.#respond(bytes, "udp");
    if (reply === undefined) return;
    try {
      this.#udp.send(reply, from.port, from.address, () => {});
    } catch {
      // closed while the answer was on its way
    }
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("error", () => {});
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    const reader = new FrameReader();
    let pending = 0;
    socket.on("data", (bytes: Buffer) => {
      for (const question of reader.push(bytes)) {
        pending++;
        void this.#respond(question, "tcp").then((reply) => {
          pending--;
          if (reply === undefined || socket.destroyed) socket.destroy();
          else socket.write(frame(reply));
        });
      }
      if (pending > TCP_QUESTIONS_MAX) socket.destroy();
    });
  }
}
