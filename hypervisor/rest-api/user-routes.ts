import type { User } from "#api/hypercore/types.ts";
import { roles } from "#hypervisor/access/roles.ts";
import type { Sessions } from "#hypervisor/access/sessions.ts";
import type { UserChange, UserRecord, Users } from "#hypervisor/access/users.ts";
import { noBody, reply, result, type Route, type RouteBody } from "./route.ts";

/** Users, whose changes need no task, and the roles that they may have. */
export function userRoutes({
  users,
  sessions,
}: {
  readonly users: Users;
  readonly sessions: Sessions;
}): readonly Route[] {
  const part: RouteBody = { kind: "json", shape: { type: "User", isPartial: true }, isOptional: true };
  const update: Route["handle"] = async ({ params, body }) => {
    const uuid = params["uuid"] ?? "";
    const { uuid: _, ...change } = body as Partial<User>;
    await users.update(uuid, change);
    // Whoever knew the old password is out.
    if (change.password !== undefined) sessions.endAllOf(uuid);
    return result("");
  };
  return [
    {
      method: "GET",
      path: "/rest/v1/User",
      needs: "read",
      body: noBody,
      handle: () => reply(users.list().map(shown)),
    },
    {
      method: "GET",
      path: "/rest/v1/User/{uuid}",
      needs: "read",
      body: noBody,
      handle: ({ params }) => {
        const user = users.find(params["uuid"] ?? "");
        return reply(user === undefined ? [] : [shown(user)]);
      },
    },
    {
      method: "POST",
      path: "/rest/v1/User",
      needs: "admin",
      body: { kind: "json", shape: { type: "User" } },
      handle: async ({ body }) => {
        const { uuid: _, ...change } = body as UserChange & { uuid?: string };
        return result("", await users.create(change));
      },
    },
    { method: "POST", path: "/rest/v1/User/{uuid}", needs: "admin", body: part, handle: update },
    { method: "PATCH", path: "/rest/v1/User/{uuid}", needs: "admin", body: part, handle: update },
    {
      method: "DELETE",
      path: "/rest/v1/User/{uuid}",
      needs: "admin",
      body: noBody,
      handle: async ({ params }) => {
        const uuid = params["uuid"] ?? "";
        await users.remove(uuid);
        sessions.endAllOf(uuid);
        return result("");
      },
    },
    { method: "GET", path: "/rest/v1/Role", needs: "read", body: noBody, handle: () => reply(roles) },
    {
      method: "GET",
      path: "/rest/v1/Role/{uuid}",
      needs: "read",
      body: noBody,
      handle: ({ params }) => reply(roles.filter((role) => role.uuid === params["uuid"])),
    },
  ];
}

function shown({ uuid, username, fullName, roleUUIDs, sessionLimit }: UserRecord): User {
  return { uuid, username, password: "", fullName, roleUUIDs, sessionLimit };
}
