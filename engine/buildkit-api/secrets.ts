import { getSecretRequest, getSecretResponse } from "#api/buildkit/session.ts";
import { isFault } from "#base/fault.ts";
import type { Session } from "./sessions.ts";

const method = "/moby.buildkit.secrets.v1.Secrets/GetSecret";

/** Undefined when the client has no such secret. @see github.com/moby/buildkit, session/secrets/secrets.proto */
export async function findSecret(
  { client, supports }: Session,
  id: string,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (!supports(method)) return undefined;
  try {
    const { data } = await client.unary(method, [getSecretRequest, getSecretResponse], { id }, signal);
    return data;
  } catch (error) {
    if (isFault(error, "not-found") || isFault(error, "not-implemented")) return undefined;
    throw error;
  }
}
