/** One record on its way to a receiver: a line, or a part of one that was too long. */
export interface ForwardedRecord {
  readonly stream: "stdout" | "stderr";
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  /** Without its line feed. */
  readonly text: Buffer;
  /** Of a line that was cut into several records. */
  readonly partial?: { readonly id: string; readonly ordinal: number; readonly isLast: boolean };
  /** Counts the container's records since the forwarder began. */
  readonly ordinal: number;
}

/** Sends a container's records where its log driver says. Used by one caller at a time; disposing of it closes the connection. */
export interface LogDriver extends AsyncDisposable {
  /**
   * Sends in order, connecting again first where that is needed. Resolves when all of them are with the kernel, or where the
   * protocol has acknowledgements, acknowledged. When it rejects, some may have arrived: the caller sends all of them again.
   */
  send(records: readonly ForwardedRecord[], signal: AbortSignal): Promise<void>;
}

/** How often a batch is tried again before it is given up, and how long to wait in between; absent means the forwarder's own way. */
export interface RetryOptions {
  readonly maxRetries?: number;
  readonly waitMs?: number;
}

/** What drivers know of the daemon and its host. */
export interface DriverHost {
  readonly hostname: string;
  readonly pid: number;
}

export function syslogPriority({ stream }: ForwardedRecord): 6 | 3 {
  return stream === "stdout" ? 6 : 3;
}
