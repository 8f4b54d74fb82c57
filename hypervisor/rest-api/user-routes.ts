import type { User } from "#api/hypercore/types.ts";
import { roles } from "#hypervisor/access/roles.ts";
import type { Sessions } from "#hypervisor/access/sessions.ts";
import type { UserChange, UserRecord, Users } from "#hypervisor/access/users.ts";
import { readable, updatable } from "./common-routes.ts";
import { noBody, result, type Route } from "./route.ts";

/** Users, whose changes need no task, and the roles that they may have. */
export function userRoutes({
  users,
  sessions,
}: {
  readonly users: Users;
  readonly sessions: Sessions;
}): readonly Route[] {
  return [
    ...readable("User", () => users.list().map(shown)),
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
    ...updatable("User", "admin", async ({ params, body }) => {
      const uuid = params["uuid"] ?? "";
      const { uuid: _, ...change } = body as Partial<User>;
      await users.update(uuid, change);
      // Whoever knew the old password is out.
      if (change.password !== undefined) sessions.endAllOf(uuid);
      return result("");
    }),
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
    ...readable("Role", () => roles),
  ];
}

function shown({ uuid, username, fullName, roleUUIDs, sessionLimit }: UserRecord): User {
  return { uuid, username, password: "", fullName, roleUUIDs, sessionLimit };
}
