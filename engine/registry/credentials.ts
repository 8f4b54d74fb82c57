/** Who asks. Empty strings are as good as nothing. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  /** A token that a server of tokens takes instead of a password. */
  readonly identityToken?: string;
  /** A token that the registry itself takes. */
  readonly registryToken?: string;
}

export const anonymous: Credentials = {};
