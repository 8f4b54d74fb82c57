import { Fault } from "#base/fault.ts";
import type { FailedLogins } from "#hypervisor/access/failed-logins.ts";
import { isAllowed, type Permission } from "#hypervisor/access/roles.ts";
import type { Sessions } from "#hypervisor/access/sessions.ts";
import type { UserRecord, Users } from "#hypervisor/access/users.ts";
import type { Caller } from "./route.ts";

export interface AccessDeps {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly failedLogins: FailedLogins;
}

export interface GivenCredentials {
  readonly address: string;
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
}

/**
 * Who makes a request, by session or by Basic authentication.
 *
 * @throws {Fault} `unauthorized` for nobody, `forbidden` for somebody who may not
 */
export async function authenticate(
  deps: AccessDeps,
  given: GivenCredentials,
  needs: Permission,
): Promise<Caller> {
  const sessionID = sessionOf(given.cookie);
  const bySession =
    sessionID === undefined ? undefined : deps.users.find(deps.sessions.find(sessionID) ?? "");
  const user = bySession ?? (await byPassword(deps, given));
  if (user === undefined) throw new Fault("unauthorized", "Authentication required");
  if (!isAllowed(user.roleUUIDs, needs))
    throw new Fault("forbidden", `User '${user.username}' lacks a role for this request`);
  return { address: given.address, user, sessionID: bySession === undefined ? "" : (sessionID ?? "") };
}

/** The user, unless the password is wrong or too many were before. */
export async function checkPassword(
  deps: AccessDeps,
  address: string,
  username: string,
  password: string,
): Promise<UserRecord | undefined> {
  if (deps.failedLogins.isLocked(address, username)) return undefined;
  const user = await deps.users.verify(username, password);
  if (user === undefined) deps.failedLogins.failed(address, username);
  else deps.failedLogins.succeeded(address, username);
  return user;
}

async function byPassword(deps: AccessDeps, given: GivenCredentials): Promise<UserRecord | undefined> {
  const [, encoded] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(given.authorization ?? "") ?? [];
  if (encoded === undefined) return undefined;
  const [, username, password] =
    /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, "base64").toString("utf8")) ?? [];
  if (username === undefined || password === undefined) return undefined;
  return await checkPassword(deps, given.address, username, password);
}

function sessionOf(cookie: string | undefined): string | undefined {
  return /(?:^|;)\s*sessionID=([^;\s]+)/.exec(cookie ?? "")?.[1];
}
