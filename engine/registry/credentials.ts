/** Who asks. Empty strings are as good as nothing. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  /** A token that a server of tokens takes instead of a password. */
  readonly identityToken?: string;
  /** A token that the registry itself takes. */
  readonly registryToken?: string;
  /** Asked in the place of the above, and only when the registry wants to know. */
  readonly keeper?: CredentialKeeper;
}

/** Somebody who has the credentials and may prefer to keep them: a client that is still there. */
export interface CredentialKeeper {
  /** @throws {Fault} when it does not answer */
  credentials(signal: AbortSignal): Promise<Credentials>;
  /** What its own request to a server of tokens brought; undefined when it makes none. @throws {Fault} */
  token(request: TokenRequest, signal: AbortSignal): Promise<GivenToken | undefined>;
}

/** What a server of tokens is asked. @see distribution, token authentication */
export interface TokenRequest {
  readonly realm: string;
  readonly service: string;
  readonly scopes: readonly string[];
}

export interface GivenToken {
  readonly text: string;
  readonly lifeSeconds: number;
}

export const anonymous: Credentials = {};
