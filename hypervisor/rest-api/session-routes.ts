import type { Json } from "#api/hypercore/decode.ts";
import { Fault } from "#base/fault.ts";
import { type AccessDeps, checkPassword } from "./authenticate.ts";
import { type Call, noBody, type Reply, reply, type Route } from "./route.ts";

/** What everybody may ask: whether anybody is there, and to be let in. */
export function sessionRoutes(deps: AccessDeps): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/rest/v1/ping",
      needs: "open",
      body: noBody,
      handle: () => reply({ status: "Active" }),
    },
    {
      method: "POST",
      path: "/rest/v1/login",
      needs: "open",
      body: {
        kind: "json",
        shape: {
          members: {
            username: { type: "string", isRequired: true },
            password: { type: "string", isRequired: true },
            useOIDC: { type: "boolean" },
          },
        },
      },
      handle: async (call) => await login(deps, call),
    },
    {
      method: "OPTIONS",
      path: "/rest/v1/login",
      needs: "open",
      body: noBody,
      handle: () => ({ value: {}, headers: { Allow: "POST, OPTIONS" } }),
    },
    {
      method: "POST",
      path: "/rest/v1/logout",
      needs: "read",
      body: noBody,
      handle: ({ caller }) => {
        deps.sessions.end(caller.sessionID);
        return { value: {}, headers: { "Set-Cookie": "sessionID=; Path=/; Max-Age=0" } };
      },
    },
  ];
}

async function login(deps: AccessDeps, { body, caller }: Call): Promise<Reply> {
  const { username, password, useOIDC } = body as Json & {
    username: string;
    password: string;
    useOIDC?: boolean;
  };
  if (useOIDC === true) throw new Fault("invalid", "OIDC is not configured");
  const user = await checkPassword(deps, caller.address, username, password);
  if (user === undefined) throw new Fault("unauthorized", "Invalid username or password");
  const sessionID = deps.sessions.open(user.uuid, user.sessionLimit);
  return {
    value: { sessionID },
    headers: { "Set-Cookie": `sessionID=${sessionID}; Path=/; HttpOnly; SameSite=Strict` },
  };
}
