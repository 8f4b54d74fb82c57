/** Time and waiting, injected so that tests decide what time it is. */
export interface Timers {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs `action` once after so long; calling what it returns before prevents that. */
  after(delayMs: number, action: () => void): () => void;
}

/** Settles after so long, or rejects when the signal aborts. */
export async function sleep(timers: Timers, delayMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const cancel = timers.after(delayMs, resolve);
  const onAbort = () => {
    cancel();
    reject(signal.reason as Error);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
