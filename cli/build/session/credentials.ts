import { credentialsRequest, credentialsResponse } from "#api/buildkit/session.ts";
import type { RegistryAuth } from "#client/image-calls.ts";
import { type Method, unary } from "#rpc/methods.ts";

export const credentialsPath = "/moby.filesync.v1.Auth/Credentials";
const hubHosts = new Set(["registry-1.docker.io", "docker.io", "index.docker.io"]);

/**
 * Says who we are to registries that a build pulls from and pushes to. Tokens are left to the engine: it gets them itself.
 *
 * @param readAuth what is known of a server, by its key in Docker's configuration
 * @see github.com/moby/buildkit, session/auth/auth.proto
 */
export function credentialsMethod(readAuth: (server: string) => Promise<RegistryAuth>): Method {
  return unary(credentialsRequest, credentialsResponse, async ({ host }) => {
    const auth = await readAuth(hubHosts.has(host) ? "https://index.docker.io/v1/" : host);
    if (auth.identitytoken !== undefined) return { secret: auth.identitytoken };
    return { username: auth.username ?? "", secret: auth.password ?? "" };
  });
}
