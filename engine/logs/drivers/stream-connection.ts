import net from "node:net";
import tls from "node:tls";
import { Fault } from "#base/fault.ts";

export type StreamTarget =
  | { readonly type: "unix"; readonly path: string }
  | { readonly type: "tcp"; readonly host: string; readonly port: number }
  | {
      readonly type: "tls";
      readonly host: string;
      readonly port: number;
      readonly tls: tls.ConnectionOptions;
    };

const connectTimeoutMs = 10_000;

/** A connection to a receiver that is opened again by the next write after it broke. */
export class StreamConnection implements Disposable {
  readonly #target: StreamTarget;
  readonly #onData: ((bytes: Buffer) => void) | undefined;
  #socket: net.Socket | undefined;

  /** @param onData what the receiver says; by default nobody listens */
  constructor(target: StreamTarget, onData?: (bytes: Buffer) => void) {
    this.#target = target;
    this.#onData = onData;
  }

  /** @throws {Fault} `unavailable` with the text that Go's net.Dial has */
  async open(signal: AbortSignal): Promise<net.Socket> {
    if (this.#socket !== undefined) return this.#socket;
    const socket = await connect(this.#target, signal);
    socket.on("error", () => {}); // `close` follows
    socket.once("close", () => this.#forget(socket));
    socket.once("end", () => this.#forget(socket)); // what we wrote from here on would be lost
    if (this.#onData === undefined) socket.resume();
    else socket.on("data", this.#onData);
    this.#socket = socket;
    return socket;
  }

  /** Resolves when the kernel has all of it. @throws {Fault} `unavailable` */
  async write(bytes: Buffer, signal: AbortSignal): Promise<void> {
    const socket = await this.open(signal);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => this.#forget(socket);
    const onClose = () => reject(new Fault("unavailable", "the connection was closed by the receiver"));
    signal.addEventListener("abort", abort, { once: true });
    socket.once("close", onClose);
    socket.write(bytes, (error) => (error ? reject(new Fault("unavailable", error.message)) : resolve()));
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", abort);
      socket.off("close", onClose);
    }
  }

  #forget(socket: net.Socket): void {
    socket.destroy();
    if (this.#socket === socket) this.#socket = undefined;
  }

  /** What was written but not sent yet is sent. */
  [Symbol.dispose](): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroySoon();
  }
}

function connect(target: StreamTarget, signal: AbortSignal): Promise<net.Socket> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const socket = begin(target);
  const timer = setTimeout(
    () => socket.destroy(Object.assign(new Error("timeout"), { code: "ETIMEDOUT" })),
    connectTimeoutMs,
  );
  const abort = () => socket.destroy(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  socket.once(target.type === "tls" ? "secureConnect" : "connect", () => resolve(socket));
  socket.once("error", (error: NodeJS.ErrnoException) =>
    reject(signal.aborted ? (signal.reason as Error) : new Fault("unavailable", dialError(target, error))),
  );
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    socket.removeAllListeners();
  });
}

function begin(target: StreamTarget): net.Socket {
  if (target.type === "unix") return net.connect(target.path);
  const { host, port } = target;
  if (target.type === "tcp") return net.connect({ host, port, noDelay: true });
  return tls.connect({ host, port, ...(net.isIP(host) === 0 && { servername: host }), ...target.tls });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  ECONNRESET: "connect: connection reset by peer",
  ENETUNREACH: "connect: network is unreachable",
  EHOSTUNREACH: "connect: no route to host",
  ETIMEDOUT: "i/o timeout",
  ENOENT: "connect: no such file or directory",
  EACCES: "connect: permission denied",
};

/** As Go says it. */
export function dialError(
  target: { readonly type: string; readonly path?: string; readonly host?: string; readonly port?: number },
  { code = "", message }: NodeJS.ErrnoException,
): string {
  const network = target.type === "tls" ? "tcp" : target.type;
  const { path, host = "", port } = target;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `dial ${network}: lookup ${host}: no such host`;
  const reason = reasons[code];
  if (reason === undefined) return message;
  const address = path ?? `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return `dial ${network} ${address}: ${reason}`;
}
