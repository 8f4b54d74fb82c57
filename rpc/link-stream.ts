import { Fault } from "#base/fault.ts";
import { maxMessageBytes } from "./frames.ts";
import { type Frame, kinds } from "./link-frames.ts";

/** What a side may send of a stream before the other one has taken it. */
export const windowBytes = 4 << 20;

export interface LinkSender {
  /** Settles when more may be sent. */
  send(frame: Frame): Promise<void>;
  /** The stream is over on both sides. */
  close(id: number): void;
}

/** One side of a call on a {@link FrameLink}. */
export class LinkStream {
  readonly #id: number;
  readonly #sender: LinkSender;
  readonly #departure = new AbortController();
  #messages: Buffer[] = [];
  #held = 0;
  #taken = 0;
  #credit = windowBytes;
  #hasAll = false;
  #isOver = false;
  #error: unknown;
  #trailers: Readonly<Record<string, unknown>> = {};
  #wakeReader: (() => void) | undefined;
  /** Settles when more may be sent, or nothing any more: for all who wait for it. */
  #room: PromiseWithResolvers<void> | undefined;

  constructor(id: number, sender: LinkSender) {
    this.#id = id;
    this.#sender = sender;
  }

  /** Aborted when the other side gives up, or leaves. */
  get signal(): AbortSignal {
    return this.#departure.signal;
  }

  /** Bytes that came, and nobody has taken. */
  get heldBytes(): number {
    return this.#held;
  }

  /** How the call ended. */
  get trailers(): Readonly<Record<string, unknown>> {
    return this.#trailers;
  }

  /** @throws {Fault} `invalid` for more than was allowed */
  take(kind: number, payload: Buffer): void {
    switch (kind) {
      case kinds.message:
        this.#held += payload.length;
        if (this.#held > windowBytes + maxMessageBytes) throw new Fault("invalid", "more than was allowed");
        this.#messages.push(payload);
        break;
      case kinds.finish:
        this.#hasAll = true;
        break;
      case kinds.end:
        this.#trailers = { ...(JSON.parse(payload.toString("utf8")) as object) };
        this.#hasAll = true;
        this.#close();
        break;
      case kinds.cancel:
        this.fail(new Fault("unavailable", "the call was cancelled"));
        break;
      case kinds.credit:
        this.#credit += payload.readUInt32BE(0);
        this.#wakeSenders();
        break;
      default:
        throw new Fault("invalid", `unknown kind of frame ${kind}`);
    }
    this.#wakeReader?.();
  }

  /** Settles when the other side can take more. @throws when the call is over */
  async send(message: Uint8Array): Promise<void> {
    this.#check();
    while (this.#credit <= 0) {
      this.#room ??= Promise.withResolvers<void>();
      await this.#room.promise;
      this.#check();
    }
    this.#credit -= message.length;
    const payload = Buffer.from(message.buffer, message.byteOffset, message.length);
    await this.#sender.send({ id: this.#id, kind: kinds.message, payload });
  }

  #check(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#isOver) throw new Fault("unavailable", "the call is over");
  }

  /** What the other side sends until it has no more. @throws when the call ends before */
  async *messages(): AsyncGenerator<Buffer> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) {
        this.#count(message.length);
        yield message;
      } else if (this.#error !== undefined) throw this.#error;
      else if (this.#hasAll) return;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wakeReader = resolve;
        await promise;
      }
    }
  }

  #count(bytes: number): void {
    this.#held -= bytes;
    this.#taken += bytes;
    if (this.#taken < windowBytes / 2 || this.#isOver) return;
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(this.#taken);
    this.#taken = 0;
    void this.#sender.send({ id: this.#id, kind: kinds.credit, payload });
  }

  /** No more messages will be sent. */
  finish(): void {
    if (!this.#isOver) void this.#sender.send({ id: this.#id, kind: kinds.finish, payload: Buffer.alloc(0) });
  }

  /** The caller gives up. */
  cancel(): void {
    if (this.#isOver) return;
    void this.#sender.send({ id: this.#id, kind: kinds.cancel, payload: Buffer.alloc(0) });
    this.#close();
  }

  /** The call is answered. */
  end(trailers: Readonly<Record<string, string>>): void {
    if (this.#isOver) return;
    const payload = Buffer.from(JSON.stringify(trailers));
    void this.#sender.send({ id: this.#id, kind: kinds.end, payload });
    this.#close();
  }

  /** Nothing comes any more, and nothing can be sent. */
  fail(error: unknown): void {
    this.#error ??= error;
    this.#close();
    this.#departure.abort();
  }

  #close(): void {
    this.#isOver = true;
    this.#sender.close(this.#id);
    this.#wakeReader?.();
    this.#wakeSenders();
  }

  #wakeSenders(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
