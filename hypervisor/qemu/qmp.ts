import { connect, type Socket } from "node:net";
import { Fault, isFault } from "#base/fault.ts";

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const maxLine = 64 << 20;
const greetingMs = 30_000;

/** A command that QEMU has refused, with its class. @see QEMU Machine Protocol specification, 2.4.2 */
export class QmpError extends Error {
  override readonly name = "QmpError";
  readonly class: string;

  constructor(kind: string, message: string) {
    super(message);
    this.class = kind;
  }
}

/**
 * A connection to a QEMU's monitor, or to a guest agent, which speaks the same without a greeting. Commands may be under way
 * side by side; each gets its own answer.
 *
 * @see QEMU Machine Protocol specification
 */
export class QmpConnection implements Disposable {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #closed = Promise.withResolvers<void>();
  #next = 1;
  #text = "";
  #greeting: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#read(text));
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#end());
  }

  /**
   * Resolves when QEMU takes commands.
   *
   * @throws {Fault} `unavailable` when nobody listens on the socket, or says nothing for half a minute
   */
  static async open(path: string, signal: AbortSignal): Promise<QmpConnection> {
    const connection = await QmpConnection.openAgent(path, signal);
    try {
      const timeout = AbortSignal.timeout(greetingMs);
      await connection.#untilGreeting(AbortSignal.any([signal, timeout]));
      await connection.execute("qmp_capabilities", {}, signal);
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  }

  /** Resolves when the socket is open: a guest agent greets nobody. */
  static async openAgent(path: string, signal: AbortSignal): Promise<QmpConnection> {
    const socket = connect(path);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stop = () => socket.destroy(new Fault("unavailable", `${path} does not answer`));
    signal.addEventListener("abort", stop, { once: true });
    socket.once("connect", resolve);
    socket.once("error", (error) =>
      reject(isFault(error) ? error : new Fault("unavailable", `${path} does not answer`, { cause: error })),
    );
    try {
      if (signal.aborted) stop();
      await promise;
    } finally {
      signal.removeEventListener("abort", stop);
    }
    return new QmpConnection(socket);
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  /** Resolves when the connection is over: with the monitor's, QEMU has ended. */
  async closed(): Promise<void> {
    await this.#closed.promise;
  }

  onEvent(listener: (event: QmpEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /**
   * Resolves to what the command returns.
   *
   * @throws {QmpError} when it is refused
   * @throws {Fault} `unavailable` when the connection ends before the answer
   */
  async execute(
    command: string,
    args: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<unknown> {
    signal.throwIfAborted();
    if (this.isClosed) throw new Fault("unavailable", "the machine has ended");
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    const stop = () => reject(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
    try {
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
      return await promise;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#waiting.delete(id);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async #untilGreeting(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#greeting = resolve;
    const stop = () => reject(new Fault("unavailable", "QEMU says nothing"));
    signal.addEventListener("abort", stop, { once: true });
    void this.#closed.promise.then(stop);
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #read(text: string): void {
    this.#text += text;
    if (this.#text.length > maxLine) this.#socket.destroy();
    const lines = this.#text.split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) this.#take(line.trim());
  }

  #take(line: string): void {
    const message = parse(line);
    if (message === undefined) return;
    if (message["QMP"] !== undefined) return this.#greeting?.();
    if (typeof message["event"] === "string") {
      const event = { event: message["event"], data: (message["data"] ?? {}) as QmpEvent["data"] };
      for (const listener of this.#listeners) listener(event);
      return;
    }
    const waiting = this.#waiting.get(Number(message["id"]));
    const error = message["error"] as { class: string; desc: string } | undefined;
    if (error === undefined) waiting?.resolve(message["return"]);
    else waiting?.reject(new QmpError(error.class, error.desc));
  }

  #end(): void {
    for (const { reject } of this.#waiting.values())
      reject(new Fault("unavailable", "the machine has ended"));
    this.#waiting.clear();
    this.#closed.resolve();
  }
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  if (line === "") return undefined;
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    // A guest agent's bytes are the guest's: it may send anything.
    return undefined;
  }
}
