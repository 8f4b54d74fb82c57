import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { closeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { Fault } from "#base/fault.ts";
import { connectUnixDatagram, sendDatagram } from "#host/sys.ts";
import { dialError } from "./stream-connection.ts";

/** Sends datagrams to one receiver. */
export interface Datagrams extends Disposable {
  send(bytes: Buffer, signal: AbortSignal): Promise<void>;
}

/** UDP. Nobody hears whether they arrive. @throws {Fault} `unavailable` when the name is unknown */
export async function openUdp(host: string, port: number): Promise<Datagrams> {
  const { address, family } = await lookup(host).catch((error: NodeJS.ErrnoException) => {
    throw new Fault("unavailable", dialError({ type: "udp", host, port }, error));
  });
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  socket.unref();
  socket.on("error", () => {}); // a port that nobody has open: as good as lost on the way
  return {
    send: (bytes) => sendUdp(socket, bytes, port, address),
    [Symbol.dispose]: () => void socket.close(),
  };
}

function sendUdp(socket: Socket, bytes: Buffer, port: number, address: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.send(bytes, port, address, (error) => {
    // A datagram that is too large will be so the next time.
    const isLost = ["EMSGSIZE", "ECONNREFUSED"].includes((error as NodeJS.ErrnoException | null)?.code ?? "");
    if (error === null || isLost) resolve();
    else reject(new Fault("unavailable", error.message));
  });
  return promise;
}

const shortestPauseMs = 1;
const longestPauseMs = 100;

/** A unix datagram socket, connected again when its owner made it anew. Waits while the receiver's queue is full. */
export class UnixDatagrams implements Datagrams {
  readonly #path: string;
  #fd = -1;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws {Fault} `unavailable` when nobody has it open */
  open(): void {
    if (this.#fd >= 0) return;
    try {
      this.#fd = connectUnixDatagram(this.#path);
    } catch (error) {
      throw new Fault(
        "unavailable",
        dialError({ type: "unixgram", path: this.#path }, error as NodeJS.ErrnoException),
      );
    }
  }

  async send(bytes: Buffer, signal: AbortSignal): Promise<void> {
    for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      this.open();
      try {
        if (sendDatagram(this.#fd, bytes)) return;
      } catch (error) {
        this[Symbol.dispose]();
        if ((error as NodeJS.ErrnoException).code === "EMSGSIZE") return; // will be so the next time
        throw new Fault("unavailable", (error as Error).message);
      }
      await delay(pauseMs, undefined, { signal });
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}
