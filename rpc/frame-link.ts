import { Fault } from "#base/fault.ts";
import type { Codec } from "#base/protobuf.ts";
import type { Connection } from "#client/transport.ts";
import { maxMessageBytes } from "./frames.ts";
import { FrameInput, type Frame, frameBytes, kinds } from "./link-frames.ts";
import type { Method, Methods, ServerCall } from "./methods.ts";
import { LinkStream, type LinkSender } from "./link-stream.ts";
import { callOnce, type ClientCall, type Metadata, type RpcClient } from "./rpc-client.ts";
import { codes, findFailure, statusOf, trailersOf } from "./status.ts";

/** Calls of the other side that are under way at one time. */
const maxCalls = 100;
/** What waits to be written before senders wait. */
const mostWaiting = 1 << 20;
/** What may have come on all streams together that nobody has taken. */
const mostHeld = 64 << 20;
/** Nobody lets that much wait who listens. */
const tooMuchWaiting = 32 << 20;
/** What is written at once, without waiting for more. */
const fullBytes = 256 << 10;

interface LinkOptions {
  /** What the other side may call. */
  readonly methods: Methods;
  /** Whether this side opened the connection. */
  readonly isOpener: boolean;
  /** What the connection is called when it is over. */
  readonly name: string;
}

interface Opening {
  readonly path: string;
  readonly metadata: Metadata;
}

/**
 * gRPC's calls over plain frames, in both directions on one connection: between programs of ours, where HTTP/2 would take longer to
 * begin than the whole work. Frames that go out together are written together. A stream holds at most 4 MB that nobody
 * has taken.
 *
 * @see docs/build.md, "The protocol between gantry and its engine"
 */
export class FrameLink implements RpcClient {
  readonly #connection: Connection;
  readonly #options: LinkOptions;
  readonly #streams = new Map<number, LinkStream>();
  readonly #calls = new Set<Promise<void>>();
  readonly #over = Promise.withResolvers<void>();
  readonly #sender: LinkSender = {
    send: (frame) => this.#send(frame),
    close: (id) => void this.#streams.delete(id),
  };
  #nextId: number;
  #isClosed = false;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isFlushing = false;
  #flushed: Promise<void> = Promise.resolve();

  constructor(connection: Connection, options: LinkOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#nextId = options.isOpener ? 1 : 2;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  closed(): Promise<void> {
    return this.#over.promise;
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.close();
    for (const stream of this.#streams.values()) stream.fail(this.#isOver());
    this.#streams.clear();
    this.#over.resolve();
  }

  /** Serves and listens until the connection ends. Never throws; settles when calls under way are over too. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.destroy();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const input = new FrameInput(maxMessageBytes);
    try {
      for await (const piece of this.#connection.incoming) {
        for (const frame of input.push(piece)) this.#take(frame);
        if (this.#isClosed || this.#waitingBytes > tooMuchWaiting) break; // whoever asks and asks must read, too
      }
    } catch {
      // whatever it was: the connection is of no use any more
    } finally {
      signal.removeEventListener("abort", stop);
      this.destroy();
    }
    await Promise.all(this.#calls);
  }

  open(path: string, metadata: Metadata, signal: AbortSignal): ClientCall {
    signal.throwIfAborted();
    if (this.#isClosed) throw this.#isOver();
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new LinkStream(id, this.#sender);
    this.#streams.set(id, stream);
    void this.#send({ id, kind: kinds.open, payload: json({ path, metadata } satisfies Opening) });
    return clientCall(stream, signal);
  }

  async unary<Request, Response>(
    path: string,
    codecs: readonly [Codec<Request>, Codec<Response>],
    request: Partial<Request>,
    signal: AbortSignal,
    metadata: Metadata = {},
  ): Promise<Response> {
    return await callOnce({ open: () => this.open(path, metadata, signal) }, path, codecs, request);
  }

  /** @throws {Fault} `invalid` for what breaks the rules, which ends the connection */
  #take({ id, kind, payload }: Frame): void {
    if (kind === kinds.open) return this.#serve(id, payload);
    // Frames of streams that are over may still be on their way.
    this.#streams.get(id)?.take(kind, payload);
    if (kind !== kinds.message) return;
    const held = [...this.#streams.values()].reduce((sum, { heldBytes }) => sum + heldBytes, 0);
    if (held > mostHeld) throw new Fault("exhausted", "too much that nobody has taken");
  }

  #serve(id: number, payload: Buffer): void {
    const isTheirs = id % 2 === (this.#options.isOpener ? 0 : 1);
    if (!isTheirs || this.#streams.has(id)) throw new Fault("invalid", `stream ${id} cannot be opened`);
    if (this.#calls.size >= maxCalls) throw new Fault("exhausted", "too many calls at one time");
    const { path, metadata } = openingIn(payload);
    const stream = new LinkStream(id, this.#sender);
    this.#streams.set(id, stream);
    const call = serveCall(stream, path, metadata, this.#options.methods.get(path));
    this.#calls.add(call);
    void call.then(() => this.#calls.delete(call));
  }

  async #send(frame: Frame): Promise<void> {
    if (this.#isClosed) return;
    for (const bytes of frameBytes(frame)) {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
    }
    if (this.#waitingBytes >= fullBytes) void this.#flush();
    else if (!this.#isFlushing) this.#later();
    if (this.#waitingBytes > mostWaiting) await this.#flushed;
  }

  #later(): void {
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      void this.#flush();
    });
  }

  #flush(): Promise<void> {
    this.#flushed = this.#flushed.then(async () => {
      const pieces = this.#waiting;
      if (pieces.length === 0 || this.#isClosed) return;
      this.#waiting = [];
      this.#waitingBytes = 0;
      await this.#connection.write(pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces));
    });
    this.#flushed = this.#flushed.catch(() => this.destroy());
    return this.#flushed;
  }

  #isOver(): Fault {
    return new Fault("unavailable", `${this.#options.name} is over`);
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** @throws {Fault} `invalid` */
function openingIn(payload: Buffer): Opening {
  const { path, metadata } = JSON.parse(payload.toString("utf8")) as Partial<Opening>;
  const isText = (value: unknown) => typeof value === "string";
  const isSound =
    isText(path) &&
    typeof metadata === "object" &&
    Object.values(metadata).every((value) => isText(value) || (Array.isArray(value) && value.every(isText)));
  if (!isSound) throw new Fault("invalid", "a stream is opened without saying what for");
  return { path: path as string, metadata: metadata as Metadata };
}

function clientCall(stream: LinkStream, signal: AbortSignal): ClientCall {
  const giveUp = () => {
    stream.cancel();
    stream.fail(signal.reason);
  };
  signal.addEventListener("abort", giveUp, { once: true });
  return {
    send: (message) => stream.send(message),
    finish: () => stream.finish(),
    async *messages() {
      yield* stream.messages();
      const failure = findFailure(stream.trailers);
      if (failure !== undefined) throw failure;
    },
    [Symbol.dispose]() {
      signal.removeEventListener("abort", giveUp);
      stream.cancel();
    },
  };
}

/** Never throws. */
async function serveCall(
  stream: LinkStream,
  path: string,
  metadata: Metadata,
  method: Method | undefined,
): Promise<void> {
  const listOf = (name: string) => [metadata[name] ?? []].flat();
  const call: ServerCall = {
    metadata: (name) => listOf(name)[0] ?? "",
    metadataList: listOf,
    messages: stream.messages(),
    send: (message) => stream.send(message),
    open: () => {}, // headers of an answer are for clients that compare clocks
    signal: stream.signal,
  };
  try {
    const [, service, name] = path.split("/");
    if (method === undefined)
      throw new Fault("not-implemented", `unknown method ${name} for service ${service}`);
    await method(call);
    stream.end({ "grpc-status": String(codes.ok) });
  } catch (error) {
    stream.end(trailersOf(statusOf(error)));
  }
}
