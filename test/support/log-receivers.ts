import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import net from "node:net";
import type { Readable } from "node:stream";
import tls from "node:tls";

/** Collects what log drivers send. */
export class Receiver implements AsyncDisposable {
  readonly port: number;
  readonly #close: () => void | Promise<void>;
  readonly #state: State;

  constructor(port: number, state: State, close: () => void | Promise<void>) {
    this.port = port;
    this.#state = state;
    this.#close = close;
  }

  /** Everything that came, or each datagram by itself. */
  get datagrams(): readonly Buffer[] {
    return this.#state.received;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#state.received);
  }

  get text(): string {
    return this.bytes.toString();
  }

  /** Connections that were accepted so far. */
  get connections(): number {
    return this.#state.connections;
  }

  /** Resolves when what has come is enough. */
  async until(isEnough: (receiver: Receiver) => boolean): Promise<this> {
    while (!isEnough(this)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#state.wake = resolve;
      await promise;
    }
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

interface State {
  readonly received: Buffer[];
  connections: number;
  wake: () => void;
}

const newState = (): State => ({ received: [], connections: 0, wake: () => {} });

function take(state: State, bytes: Buffer): void {
  state.received.push(bytes);
  state.wake();
}

/** Answers what `answer` makes of the bytes; `isSlow` reads nothing at all. */
export interface StreamOptions {
  readonly port?: number;
  readonly path?: string;
  readonly tls?: tls.TlsOptions;
  readonly isSlow?: boolean;
  answer?(bytes: Buffer): Buffer | undefined;
}

export async function receiveStream(options: StreamOptions = {}): Promise<Receiver> {
  const state = newState();
  const sockets = new Set<net.Socket>();
  const onSocket = (socket: net.Socket) => {
    state.connections++;
    state.wake();
    sockets.add(socket);
    socket.on("error", () => {});
    if (options.isSlow) return void socket.pause();
    socket.on("data", (bytes: Buffer) => {
      take(state, bytes);
      const answer = options.answer?.(bytes);
      if (answer !== undefined) socket.write(answer);
    });
  };
  const server =
    options.tls === undefined ? net.createServer(onSocket) : tls.createServer(options.tls, onSocket);
  const where =
    options.path === undefined ? { host: "127.0.0.1", port: options.port ?? 0 } : { path: options.path };
  await new Promise<void>((resolve) => server.listen(where, resolve));
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  return new Receiver(port, state, () => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
}

export async function receiveUdp(): Promise<Receiver> {
  const state = newState();
  const socket = createSocket("udp4", (bytes) => take(state, bytes));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return new Receiver(socket.address().port, state, () => void socket.close());
}

const perlReceiver = `use Socket; $| = 1; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, pack_sockaddr_un($ARGV[0])) or die;
  print "ready\\n"; while (defined(recv($s, my $m, 1 << 20, 0))) { print unpack("H*", $m), "\\n" }`;

/** A unix datagram socket, which Node does not have: by perl. */
export async function receiveUnixDatagrams(path: string): Promise<Receiver> {
  const state = newState();
  const child = spawn("perl", ["-e", perlReceiver, path], { stdio: ["ignore", "pipe", "inherit"] });
  let rest = "";
  const ready = Promise.withResolvers<void>();
  (child.stdout as Readable).on("data", (bytes: Buffer) => {
    const lines = (rest + bytes.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "ready") ready.resolve();
      else take(state, Buffer.from(line, "hex"));
    }
  });
  await ready.promise;
  return new Receiver(0, state, () => {
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill();
    return ended;
  });
}

/** MessagePack values one after another, as far as they are whole. @see MessagePack specification */
export function unpackAll(bytes: Buffer): readonly unknown[] {
  const found: unknown[] = [];
  let at = 0;
  const length = (size: number) => {
    const value = bytes.readUIntBE(at, size);
    at += size;
    return value;
  };
  const text = (size: number) => {
    if (at + size > bytes.length) throw new RangeError("not whole");
    at += size;
    return bytes.toString("utf8", at - size, at);
  };
  const list = (size: number) => Array.from({ length: size }, next);
  const map = (size: number) => Object.fromEntries(Array.from({ length: size }, () => [next(), next()]));
  function next(): unknown {
    const kind = length(1);
    if (kind < 0x80) return kind;
    if (kind < 0x90) return map(kind & 15);
    if (kind < 0xa0) return list(kind & 15);
    if (kind < 0xc0) return text(kind & 31);
    if (kind === 0xd9) return text(length(1));
    if (kind === 0xda) return text(length(2));
    if (kind === 0xdb) return text(length(4));
    if (kind === 0xd2) return length(4);
    if (kind === 0xde) return map(length(2));
    if (kind === 0xd7) {
      length(1);
      return { seconds: length(4), nanoseconds: length(4) };
    }
    throw new Error(`unknown kind ${kind}`);
  }
  try {
    while (at < bytes.length) found.push(next());
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return found;
}
