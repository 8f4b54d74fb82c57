/** How a client reaches an API: a unix socket, TLS, or `fetch` in a browser. The client neither knows nor cares. */
export interface Transport {
  /**
   * Sends a request and resolves when the answer's head has come. The body is read as it comes and must be read to its end.
   *
   * @throws {Fault} `unavailable` when nobody answers
   */
  send(request: TransportRequest, signal: AbortSignal): Promise<TransportResponse>;
}

export interface TransportRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** With its query. */
  readonly path: string;
  readonly body?: { readonly type: string; readonly bytes: Uint8Array | AsyncIterable<Uint8Array> };
}

export interface TransportResponse {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
}
