/** What plugins are told of a request. @see Docker Engine, access authorization plugins, "AuthZPlugin.AuthZReq" */
export interface RequestFacts {
  /** Common name of the client's certificate; empty on connections without one. */
  readonly user: string;
  /** `TLS`, or empty. */
  readonly method: string;
  readonly requestMethod: string;
  /** As it was sent. */
  readonly requestUri: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of JSON only; undefined when there is none, or it is of another type. */
  readonly body: Buffer | undefined;
  /** PEM. */
  readonly peerCertificates: readonly string[];
}

/** What plugins are told of an answer before it goes out. */
export interface AnswerFacts {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Of JSON only, and never of streams. */
  readonly body: Buffer | undefined;
}

/** Asks plugins, each in turn, until one does not allow it. */
export interface Authorization {
  readonly names: readonly string[];
  /**
   * Settles when every plugin allows the request.
   *
   * @throws {Fault} `forbidden` when one denies it, `internal` when one does not say plainly that it allows it
   */
  allowRequest(request: RequestFacts, signal: AbortSignal): Promise<void>;
  /** As `allowRequest`, for the answer to a request that was allowed. */
  allowAnswer(request: RequestFacts, answer: AnswerFacts, signal: AbortSignal): Promise<void>;
}
