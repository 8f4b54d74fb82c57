/** How a client reaches an API: a unix socket, TLS, or `fetch` in a browser. The client neither knows nor cares. */
export interface Transport {
  /**
   * Sends a request and resolves when the answer's head has come. The body is read as it comes and must be read to its end, or
   * be left by ending its iteration.
   *
   * @throws {Fault} `unavailable` when nobody answers
   */
  send(request: TransportRequest, signal: AbortSignal): Promise<TransportResponse>;
  /**
   * Sends a request that takes the connection over: the answer is 101, or 200 with raw bytes behind it. Another status comes
   * back as an answer with a body. What it becomes is raw bytes, unless an `Upgrade` header says otherwise.
   */
  hijack(request: TransportRequest, signal: AbortSignal): Promise<TransportResponse | Hijacked>;
}

export interface TransportRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query. */
  readonly path: string;
  /** Several values are several lines. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: {
    readonly type: string;
    readonly bytes: Uint8Array | AsyncIterable<Uint8Array>;
    /** How many a stream has, for a server that has to be told; without it a stream is sent in chunks. */
    readonly length?: number;
  };
}

export interface TransportResponse {
  readonly kind?: "answer";
  readonly status: number;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Two byte streams that end one by one. */
export interface Connection {
  /** What the other side sends, once, until it ends its side. Ending the iteration closes the connection. */
  readonly incoming: AsyncIterable<Uint8Array>;
  /** Resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends our side; the other side's bytes still come. */
  closeWrite(): void;
  /** Ends both at once. May be called at any time. */
  close(): void;
}

/** A connection that stopped being HTTP. */
export interface Hijacked extends Connection {
  readonly kind: "hijacked";
  readonly headers: Readonly<Record<string, string>>;
}
