import { Fault } from "#base/fault.ts";
import { LayeredFiles } from "./layered-file.ts";
import { checkId, findId, type GroupEntry, type PasswdEntry, parseGroup, parsePasswd } from "./passwd.ts";
import type { ResolvedUser } from "./runtime-spec.ts";

const files = new LayeredFiles();

/**
 * Resolves what `USER` or `--user` says (`""`, a name or uid, with `:` and a group's name or gid) against the passwd and group
 * files of the image, and adds `groupAdd`. A number is never looked up as a name. `layerFolders` are absolute, top first, as
 * the overlay stacks them; the first may be written to, the others never change.
 *
 * @throws {Fault} `invalid` with Docker's texts for who is not there, numbers out of range, and files that cannot be read
 */
export async function resolveUser(
  user: string,
  groupAdd: readonly string[],
  layerFolders: readonly string[],
): Promise<ResolvedUser> {
  return planUser(
    user,
    groupAdd,
    () => parsePasswd(files.find("etc/passwd", layerFolders) ?? ""),
    () => parseGroup(files.find("etc/group", layerFolders) ?? ""),
  );
}

/** {@link resolveUser} over the entries of the two files, each asked for only when it decides something. */
export function planUser(
  user: string,
  groupAdd: readonly string[],
  readPasswd: () => readonly PasswdEntry[],
  readGroups: () => readonly GroupEntry[],
): ResolvedUser {
  const [userPart = "", groupPart = ""] = user.split(":");
  const [uid, explicitGid] = [findId(userPart), findId(groupPart)];
  let groups: readonly GroupEntry[] | undefined;
  const allGroups = () => (groups ??= readGroups());
  const entry = findUser(userPart, uid, readPasswd());
  const gid = groupPart === "" ? (entry?.gid ?? 0) : gidOf(groupPart, explicitGid, allGroups);
  const memberships =
    entry === undefined || groupPart !== ""
      ? []
      : allGroups().filter((group) => group.members.includes(entry.name));
  const added = groupAdd.map((group) => gidOf(group, findId(group), allGroups));
  return {
    uid: checkId(entry?.uid ?? uid ?? 0),
    gid: checkId(gid),
    additionalGids: [...new Set([gid, ...memberships.map((group) => checkId(group.gid)), ...added])],
    home: entry === undefined || entry.home === "" ? "/" : entry.home,
  };
}

/** The first entry that matches. Nobody stands for uid 0. */
function findUser(
  name: string,
  uid: number | undefined,
  passwd: readonly PasswdEntry[],
): PasswdEntry | undefined {
  const wanted = name === "" ? 0 : uid;
  const entry = passwd.find((candidate) =>
    wanted === undefined ? candidate.name === name : candidate.uid === wanted,
  );
  if (entry === undefined && wanted === undefined) {
    throw new Fault("invalid", `unable to find user ${name}: no matching entries in passwd file`);
  }
  return entry;
}

function gidOf(name: string, gid: number | undefined, groups: () => readonly GroupEntry[]): number {
  if (gid !== undefined) return gid;
  const entry = groups().find((group) => group.name === name);
  if (entry !== undefined) return checkId(entry.gid);
  throw new Fault("invalid", `unable to find group ${name}: no matching entries in group file`);
}
