import type { Socket } from "node:net";
import { Fault } from "#base/fault.ts";
import { encodeFrame } from "./frames.ts";
import { connect, greet } from "./shim-client.ts";

/** The daemon's connection to the process that holds a pod's namespaces, which outlives it. */
export class PodHolder {
  readonly #socket: Socket;
  readonly #ended = Promise.withResolvers<void>();
  /** Pid 1 of the pod's process namespace; 0 where its containers have their own. */
  readonly initPid: number;

  /**
   * Connects; a holder that was never told to {@link PodHolder.go} ends with its last connection.
   *
   * @throws {Fault} `not-found` when nobody listens; `invalid` with what went wrong when the namespaces could not be made
   */
  static async connect(path: string): Promise<PodHolder> {
    const socket = await connect(path);
    const frame = await greet(socket, ["control"]);
    if (frame?.[0] === "ready") return new PodHolder(socket, Number(frame[1]));
    socket.destroy();
    throw new Fault("invalid", frame?.[1] ?? "the pod's process ended");
  }

  private constructor(socket: Socket, initPid: number) {
    this.#socket = socket;
    this.initPid = initPid;
    socket.resume();
    socket.on("end", () => socket.destroy());
    socket.on("close", () => this.#ended.resolve());
  }

  /** Settles when the pod's namespaces are held no more; never after {@link PodHolder.detach}. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** It stays from now on, whatever happens to the daemon. */
  go(): void {
    this.#socket.write(encodeFrame(["go"]));
  }

  /** Ends it, with every process in its process namespace. */
  async end(): Promise<void> {
    if (this.#socket.destroyed) return;
    this.#socket.write(encodeFrame(["end"]));
    await this.#ended.promise;
  }

  detach(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }
}

/** A connection to a port on the pod's loopback. @throws {Fault} `remote` with the kernel's reason; `not-found` without a pod */
export async function openForward(path: string, port: number): Promise<Socket> {
  const socket = await connect(path);
  const frame = await greet(socket, ["forward", String(port)]);
  if (frame?.[0] === "ok") return socket;
  socket.destroy();
  throw new Fault("remote", frame?.[1] ?? "the pod ended");
}
