import type { Connection } from "#client/transport.ts";
import { ByteQueue } from "./byte-queue.ts";

// Bun's own sockets: node:net costs it 10 ms to load.

interface BunSocket {
  write(bytes: Uint8Array): number;
  shutdown(): void;
  end(): void;
  pause(): void;
  resume(): void;
}

interface BunRuntime {
  connect(options: {
    readonly unix: string;
    readonly allowHalfOpen: boolean;
    readonly socket: {
      data(socket: BunSocket, bytes: Uint8Array): void;
      drain(): void;
      end(): void;
      close(): void;
      error(socket: BunSocket, error: Error): void;
    };
  }): Promise<BunSocket>;
}

/** The run-time of the compiled binary, where this is it. */
export function bunRuntime(): BunRuntime | undefined {
  return (globalThis as { readonly Bun?: BunRuntime }).Bun;
}

export async function connectBun(bun: BunRuntime, path: string, signal: AbortSignal): Promise<Connection> {
  let isClosed = false;
  let wake: (() => void) | undefined;
  const close = () => {
    isClosed = true;
    wake?.();
    socket.end();
  };
  const queue = new ByteQueue(
    (isFlowing) => (isFlowing ? socket.resume() : socket.pause()),
    () => signal.removeEventListener("abort", abort),
  );
  const socket = await bun.connect({
    unix: path,
    allowHalfOpen: true,
    socket: {
      data: (_socket, bytes) => queue.push(Uint8Array.from(bytes)),
      drain: () => wake?.(),
      end: () => queue.end(),
      close() {
        isClosed = true;
        queue.end();
        wake?.();
      },
      error: (_socket, error) => queue.end(error),
    },
  });
  const abort = () => {
    queue.end(new DOMException("The operation was aborted", "AbortError"));
    close();
  };
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  return {
    incoming: queue,
    async write(bytes) {
      let at = 0;
      while (at < bytes.length && !isClosed) {
        at += Math.max(0, socket.write(bytes.subarray(at)));
        if (at >= bytes.length || isClosed) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
      if (at < bytes.length) throw new Error("the connection was closed");
    },
    closeWrite: () => socket.shutdown(),
    close,
  };
}
