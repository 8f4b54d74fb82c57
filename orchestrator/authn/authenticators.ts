import { failure } from "#api/kube/status.ts";
import { isFault } from "#base/fault.ts";
import type { TokenAuthenticator, TokenOwner } from "./token-authenticator.ts";
import { anonymous, type Authenticator, type Credentials, extraKeyOf, type User } from "./user.ts";

/** Who may speak for others by headers. */
const frontProxyNames = ["front-proxy-client"];

export interface AuthenticatorDeps {
  readonly tokens: readonly TokenAuthenticator[];
  readonly apiAudiences: readonly string[];
  /** Whether a request without credentials is the anonymous user's, or refused. */
  readonly allowsAnonymous: boolean;
}

/** All ways to tell who somebody is, in upstream's order: front proxy, client certificate, tokens, nobody. */
export function chainAuthenticator({
  tokens,
  apiAudiences,
  allowsAnonymous,
}: AuthenticatorDeps): Authenticator {
  return {
    async authenticate(credentials, signal) {
      const known = proxiedUser(credentials) ?? certificateUser(credentials);
      if (known !== undefined) return known;
      const token = bearerToken(credentials.authorization);
      if (token === undefined) return allowsAnonymous ? anonymous : refuse();
      const audiences = credentials.audiences ?? apiAudiences;
      const { owner } = await askTokens(tokens, token, audiences, signal);
      return owner?.user ?? refuse();
    },
  };
}

export interface TokenAnswer {
  /** As the first of them says that knows the token. */
  readonly owner?: TokenOwner;
  /** Of those before it for whom it is wrong: nobody's business but a review's. */
  readonly errors: readonly string[];
}

/** Asks one after the other until one says whose the token is. */
export async function askTokens(
  tokens: readonly TokenAuthenticator[],
  token: string,
  audiences: readonly string[],
  signal: AbortSignal,
): Promise<TokenAnswer> {
  const errors: string[] = [];
  for (const one of tokens)
    try {
      const owner = await one.authenticateToken(token, audiences, signal);
      if (owner !== undefined) return { owner, errors };
    } catch (error) {
      if (!isFault(error, "unauthorized")) throw error;
      errors.push(error.message);
    }
  return { errors };
}

function certificateUser({ certificate }: Credentials): User | undefined {
  if (certificate === undefined || certificate.isFrontProxy === true || certificate.commonName === "")
    return undefined;
  const { commonName, organizations, fingerprint } = certificate;
  return {
    name: commonName,
    groups: withAuthenticated(organizations),
    ...(fingerprint !== undefined && {
      extra: { "authentication.kubernetes.io/credential-id": [`X509SHA256=${fingerprint}`] },
    }),
  };
}

/** @see Kubernetes, Authenticating Proxy */
function proxiedUser({ certificate, headers = {} }: Credentials): User | undefined {
  if (certificate?.isFrontProxy !== true || !frontProxyNames.includes(certificate.commonName))
    return undefined;
  const [name] = valuesOf(headers["x-remote-user"]);
  if (name === undefined || name === "") return undefined;
  const [uid] = valuesOf(headers["x-remote-uid"]);
  const prefix = "x-remote-extra-";
  const extra = Object.entries(headers)
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]) => [extraKeyOf(key.slice(prefix.length)), valuesOf(value)] as const);
  return {
    name,
    groups: withAuthenticated(valuesOf(headers["x-remote-group"])),
    ...(uid !== undefined && { uid }),
    ...(extra.length > 0 && { extra: Object.fromEntries(extra) }),
  };
}

/** Undefined without one; empty when the scheme is Bearer and nothing follows. */
function bearerToken(authorization = ""): string | undefined {
  const [, token] = /^bearer +(\S+)$/i.exec(authorization.trim()) ?? [];
  return token;
}

function withAuthenticated(groups: readonly string[]): readonly string[] {
  return groups.includes("system:authenticated") ? groups : [...groups, "system:authenticated"];
}

function valuesOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === "string" ? [value] : value;
}

function refuse(): never {
  throw failure("Unauthorized", "Unauthorized");
}
