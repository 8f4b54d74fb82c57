import {
  credentialsRequest,
  credentialsResponse,
  fetchTokenRequest,
  fetchTokenResponse,
} from "#api/buildkit/session.ts";
import { isFault } from "#base/fault.ts";
import type { PullRequest } from "#engine/images/distribution.ts";
import type { Session } from "./sessions.ts";

type Credentials = PullRequest["credentials"];
type Keeper = NonNullable<Credentials["keeper"]>;

const credentialsMethod = "/moby.filesync.v1.Auth/Credentials";
const tokenMethod = "/moby.filesync.v1.Auth/FetchToken";
/** Docker Hub is known by this name to clients. */
const hub = "registry-1.docker.io";

/**
 * What the client has for the registry of a domain, asked for when that registry wants it. Where there is a server of tokens the
 * client asks that itself, if it can, so that its password stays with it. No token outlives the build that it was given for, so
 * there is nothing to share among sessions, which is what authorities of tokens (GetTokenAuthority) are for.
 *
 * @see github.com/moby/buildkit, session/auth/auth.proto
 */
export function credentialsOf(session: Session, domain: string): Credentials {
  const host = domain === "docker.io" ? hub : domain;
  return {
    keeper: {
      credentials: (signal) => askCredentials(session, host, signal),
      token: (request, signal) => askToken(session, host, request, signal),
    },
  };
}

/** A secret without a name is a token for servers of tokens. */
async function askCredentials(
  { client, supports }: Session,
  host: string,
  signal: AbortSignal,
): Promise<Credentials> {
  if (!supports(credentialsMethod)) return {};
  try {
    const codecs = [credentialsRequest, credentialsResponse] as const;
    const { username, secret } = await client.unary(credentialsMethod, codecs, { host }, signal);
    return username === "" ? { identityToken: secret } : { username, password: secret };
  } catch (error) {
    if (isFault(error, "not-implemented")) return {};
    throw error;
  }
}

async function askToken(
  { client, supports }: Session,
  host: string,
  { realm, service, scopes }: Parameters<Keeper["token"]>[0],
  signal: AbortSignal,
): ReturnType<Keeper["token"]> {
  if (!supports(tokenMethod)) return undefined;
  try {
    const codecs = [fetchTokenRequest, fetchTokenResponse] as const;
    const request = { clientId: "gantry", host, realm, service, scopes };
    const { token, expiresIn } = await client.unary(tokenMethod, codecs, request, signal);
    return { text: token, lifeSeconds: expiresIn };
  } catch (error) {
    if (isFault(error, "not-implemented") || isFault(error, "unavailable")) return undefined;
    throw error;
  }
}
