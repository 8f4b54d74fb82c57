import net from "node:net";
import { Fault } from "#base/fault.ts";
import { encodeFrame, FrameReader } from "./frames.ts";

export interface StartedTask {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat; `0` when the process had ended before anybody could look. */
  readonly startTime: string;
}

export interface ExitedTask {
  readonly exitCode: number;
  /** Nanoseconds since 1970. */
  readonly finishedAt: bigint;
}

/**
 * The daemon's control connection to one shim. Survives nothing: a daemon that starts again connects again, and the shim
 * repeats what it has to say.
 */
export class ShimControl {
  readonly #socket: net.Socket;
  readonly #started = Promise.withResolvers<StartedTask>();
  readonly #waiting = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<ExitedTask | undefined>();
  #reopened: (() => void)[] = [];
  readonly #execExits = new Map<string, (code: number | undefined) => void>();
  #hasStarted = false;

  /** @throws {Fault} `not-found` when nobody listens: the shim is gone */
  static async connect(path: string): Promise<ShimControl> {
    const socket = await connect(path);
    return new ShimControl(socket);
  }

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    const reader = new FrameReader();
    socket.on("data", (bytes: Buffer) => {
      for (const frame of reader.push(bytes)) this.#take(frame);
    });
    socket.on("end", () => socket.destroy());
    socket.on("close", () => this.#end());
    socket.on("error", () => {}); // `close` follows
    this.#started.promise.catch(() => {}); // whoever waits for it sees it
    socket.write(encodeFrame(["control"]));
  }

  /** Rejects with a Fault `internal` that has the runtime's text when the container could not be started. */
  get started(): Promise<StartedTask> {
    return this.#started.promise;
  }

  /** Settles when the container has ended and its log is complete; undefined when the shim was lost instead. */
  get exited(): Promise<ExitedTask | undefined> {
    return this.#exited.promise;
  }

  /** Settles when the shim says that it waits for {@link ShimControl.go}: nobody was told of a start. Never for one that does not. */
  get waiting(): Promise<void> {
    return this.#waiting.promise;
  }

  go(): void {
    this.#socket.write(encodeFrame(["go"]));
  }

  signal(number: number): void {
    this.#socket.write(encodeFrame(["signal", String(number)]));
  }

  resize(height: number, width: number): void {
    this.#socket.write(encodeFrame(["resize", String(height), String(width)]));
  }

  resizeExec(id: string, height: number, width: number): void {
    this.#socket.write(encodeFrame(["exec-resize", id, String(height), String(width)]));
  }

  /** Everything that was logged before the file with this inode was sent where the log driver says. */
  logAt(inode: string): void {
    if (!this.#socket.destroyed) this.#socket.write(encodeFrame(["log-at", inode]));
  }

  /** Somebody has renamed the log file: settles when what follows goes into a new one, or when the shim is gone. */
  reopenLog(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#socket.destroyed) return Promise.resolve();
    this.#reopened.push(resolve);
    this.#socket.write(encodeFrame(["log-reopen"]));
    return promise;
  }

  /** Settles with the exit code of an exec, or undefined when the shim is lost before it ends. Ask before starting it. */
  execExit(id: string): Promise<number | undefined> {
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    this.#execExits.set(id, resolve);
    return promise;
  }

  /** Lets go of the shim, which goes on. Nobody will hear of execs that have not ended. */
  detach(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
    this.#forgetExecs();
  }

  #take([kind, first = "", second = ""]: readonly string[]): void {
    if (kind === "started") {
      this.#hasStarted = true;
      this.#started.resolve({ pid: Number(first), startTime: second });
    } else if (kind === "waiting") this.#waiting.resolve();
    else if (kind === "log-reopened") this.#reopened.shift()?.();
    else if (kind === "failed") this.#started.reject(new Fault("internal", first.trim()));
    else if (kind === "exit") this.#exited.resolve({ exitCode: Number(first), finishedAt: BigInt(second) });
    else if (kind === "exec-exit") {
      this.#execExits.get(first)?.(Number(second));
      this.#execExits.delete(first);
    }
  }

  #end(): void {
    if (!this.#hasStarted)
      this.#started.reject(new Fault("internal", "the shim ended before the container started"));
    this.#exited.resolve(undefined);
    this.#forgetExecs();
  }

  #forgetExecs(): void {
    for (const resolve of this.#reopened.splice(0)) resolve();
    for (const resolve of this.#execExits.values()) resolve(undefined);
    this.#execExits.clear();
  }
}

/** Joins the container's streams: what is written goes to its stdin, what is read is its output, framed unless it has a tty. */
export async function openAttach(
  path: string,
  streams: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean },
): Promise<net.Socket> {
  const socket = await connect(path);
  const frame = await greet(socket, ["attach", bit(streams.stdin), bit(streams.stdout), bit(streams.stderr)]);
  if (frame === undefined) throw new Fault("conflict", "the container has ended");
  return socket;
}

/** Runs a process in the container; the socket is then joined to its streams as with attach. @throws {Fault} `internal` with the runtime's text */
export async function openExec(
  path: string,
  exec: {
    readonly id: string;
    readonly tty: boolean;
    readonly stdin: boolean;
    readonly stdout: boolean;
    readonly stderr: boolean;
    /** OCI process as JSON, relative to the bundle. */
    readonly processFile: string;
    /** Killed when the socket is closed, by whom or what ever. */
    readonly isBound?: boolean;
  },
): Promise<{ readonly pid: number; readonly socket: net.Socket }> {
  const socket = await connect(path);
  const frame = await greet(socket, [
    "exec",
    exec.id,
    bit(exec.tty),
    bit(exec.stdin),
    bit(exec.stdout),
    bit(exec.stderr),
    exec.processFile,
    ...(exec.isBound === true ? ["bound"] : []),
  ]);
  if (frame?.[0] === "started") return { pid: Number(frame[1]), socket };
  socket.destroy();
  throw new Fault("internal", (frame?.[1] ?? "the container ended").trim());
}

function bit(value: boolean): string {
  return value ? "1" : "0";
}

export function connect(path: string): Promise<net.Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const socket = net.connect({ path, allowHalfOpen: true });
  socket.once("connect", () => {
    socket.removeAllListeners("error");
    resolve(socket);
  });
  socket.once("error", (cause) => reject(new Fault("not-found", `no shim at ${path}`, { cause })));
  return promise;
}

/** Sends the first frame and waits for the answer's; what follows it is left to be read. Undefined when the shim hangs up. */
export function greet(socket: net.Socket, fields: readonly string[]): Promise<readonly string[] | undefined> {
  const { promise, resolve } = Promise.withResolvers<readonly string[] | undefined>();
  const reader = new FrameReader();
  const onEnd = () => resolve(undefined);
  const onReadable = () => {
    const bytes = socket.read() as Buffer | null;
    const frame = bytes === null ? undefined : reader.take(bytes);
    if (frame === undefined) return;
    socket.off("readable", onReadable);
    socket.off("end", onEnd);
    socket.off("close", onEnd);
    if (reader.rest.length > 0) socket.unshift(reader.rest);
    resolve(frame);
  };
  socket.on("readable", onReadable);
  socket.on("end", onEnd);
  socket.on("close", onEnd);
  socket.on("error", () => {}); // `close` follows; whoever pipes the socket adds listeners of their own
  socket.write(encodeFrame(fields));
  return promise;
}
