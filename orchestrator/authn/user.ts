/** Who makes a request. @see Kubernetes API 1.36, authentication/v1 UserInfo */
export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const anonymous: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };

/** The user as the API writes it. @see Kubernetes API 1.36, authentication/v1 UserInfo */
export function userInfo({ name, uid, groups, extra }: User): object {
  return {
    ...(name !== "" && { username: name }),
    ...(uid !== undefined && uid !== "" && { uid }),
    ...(groups.length > 0 && { groups }),
    ...(extra !== undefined && Object.keys(extra).length > 0 && { extra }),
  };
}

/** A key of `extra` from the end of a header's name; one that is not escaped well is taken as it stands. */
export function extraKeyOf(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What a connection and a request say of who makes it. */
export interface Credentials {
  /** Of a client certificate that TLS has verified against the client CA. */
  readonly certificate?: {
    readonly commonName: string;
    readonly organizations: readonly string[];
    /** SHA-256 of its DER, in hex. */
    readonly fingerprint?: string;
    /** The front proxy's authority vouches for it: `headers` say who it asks for. */
    readonly isFrontProxy?: boolean;
  };
  /** The `Authorization` header. */
  readonly authorization?: string;
  /** Names in lower case; needed for front proxies only. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Audiences that a token may be for; absent: the API server's own. */
  readonly audiences?: readonly string[];
}

/** One way to tell who somebody is; a chain of them is one too. */
export interface Authenticator {
  /**
   * Undefined when the credentials are not of its kind, or there are none.
   *
   * @throws {StatusError} `Unauthorized` for those that are of its kind and wrong
   */
  authenticate(credentials: Credentials, signal: AbortSignal): Promise<User | undefined>;
}
