import { Fault } from "#base/fault.ts";

/** A line of /etc/passwd. Numbers are as the file has them, also out of range. */
export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** A line of /etc/group. */
export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const ID_MAX = 2 ** 31 - 1;

/**
 * Entries in the file's order. A line whose numbers are none is left out: it stands for nobody, least of all for root.
 *
 * @see man 5 passwd
 */
export function parsePasswd(text: string): readonly PasswdEntry[] {
  return linesOf(text).flatMap(([name = "", , uidText = "", gidText = "", , home = ""]) => {
    const [uid, gid] = [integerOf(uidText), integerOf(gidText)];
    return uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home }];
  });
}

/** Like {@link parsePasswd}. @see man 5 group */
export function parseGroup(text: string): readonly GroupEntry[] {
  return linesOf(text).flatMap(([name = "", , gidText = "", members = ""]) => {
    const gid = integerOf(gidText);
    return gid === undefined ? [] : [{ name, gid, members: members === "" ? [] : members.split(",") }];
  });
}

function linesOf(text: string): readonly (readonly string[])[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
}

function integerOf(text: string): number | undefined {
  return /^[+-]?[0-9]+$/.test(text) ? Number(text) : undefined;
}

/**
 * The number when the text is one, undefined when it is a name.
 *
 * @throws {Fault} `invalid` when it is a number that no user or group has
 */
export function findId(text: string): number | undefined {
  const id = integerOf(text);
  return id === undefined ? undefined : checkId(id);
}

/** @throws {Fault} `invalid` outside of 0 to 2147483647: nothing may wrap round to root */
export function checkId(id: number): number {
  if (Number.isSafeInteger(id) && id >= 0 && id <= ID_MAX) return id === 0 ? 0 : id;
  throw new Fault("invalid", `uids and gids must be in range 0-${ID_MAX}`);
}
