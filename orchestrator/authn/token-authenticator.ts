import type { User } from "./user.ts";

/** Who a token belongs to, and whom it may be shown. */
export interface TokenOwner {
  readonly user: User;
  /** Those asked for that it is for; empty: it knows none. */
  readonly audiences: readonly string[];
}

/** One kind of bearer token. */
export interface TokenAuthenticator {
  /**
   * Undefined when the token is not of its kind.
   *
   * @throws {Fault} `unauthorized` for one that is, and is wrong, has ended or is for others; the message is for logs and reviews
   */
  authenticateToken(
    token: string,
    audiences: readonly string[],
    signal: AbortSignal,
  ): Promise<TokenOwner | undefined>;
}
