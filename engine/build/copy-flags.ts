import { Fault } from "#base/fault.ts";
import type { LayeredFiles } from "#engine/runtime/layered-file.ts";
import { parseGroup, parsePasswd } from "#engine/runtime/passwd.ts";
import type { Owner } from "./files/layer-plan.ts";

/**
 * What `--chown` says: numbers, or names of the image's own passwd and group files. Without a group it is the user's name or
 * number again, as in Docker.
 *
 * @param folders of the image's layers, topmost first
 * @throws {Fault} `invalid` with Docker's texts
 */
export function parseChown(text: string, files: LayeredFiles, folders: readonly string[]): Owner {
  const parts = text.split(":");
  if (parts.length > 2 || text === "") throw new Fault("invalid", `invalid chown string format: ${text}`);
  const [user = "", group = user] = parts;
  return {
    uid:
      findNumber(user) ??
      named(parsePasswd(read(files, "etc/passwd", folders)), user)?.uid ??
      unknown("uid", "user", user),
    gid:
      findNumber(group) ??
      named(parseGroup(read(files, "etc/group", folders)), group)?.gid ??
      unknown("gid", "group", group),
  };
}

/** What USER says as an owner; undefined for a name that the image does not know. */
export function findOwner(user: string, files: LayeredFiles, folders: readonly string[]): Owner | undefined {
  const [name = "", group] = user.split(":");
  const entry = named(parsePasswd(read(files, "etc/passwd", folders)), name);
  const uid = findNumber(name) ?? entry?.uid;
  if (uid === undefined) return undefined;
  const gid =
    group === undefined
      ? (entry?.gid ?? uid)
      : (findNumber(group) ?? named(parseGroup(read(files, "etc/group", folders)), group)?.gid);
  return gid === undefined ? undefined : { uid, gid };
}

function findNumber(text: string): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const number = Number(text);
  if (number > 2 ** 31 - 1) throw new Fault("invalid", "uids and gids must be in range 0-2147483647");
  return number;
}

function read(files: LayeredFiles, name: string, folders: readonly string[]): string {
  return folders.length === 0 ? "" : (files.find(name, folders) ?? "");
}

function named<T extends { readonly name: string }>(entries: readonly T[], name: string): T | undefined {
  return entries.find((entry) => entry.name === name);
}

function unknown(id: string, kind: string, name: string): never {
  throw new Fault(
    "invalid",
    `unable to convert uid/gid chown string to host mapping: can't find ${id} for ${kind} ${name}: no such ${kind}: ${name}`,
  );
}

type Change = (mode: number, isFolder: boolean) => number;

/** `--chmod`: octal, or as chmod(1) has it, `u+x,go-w`. @throws {Fault} `invalid` */
export function parseChmod(text: string): Change {
  if (/^[0-7]{1,5}$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    if (mode > 0o7777) throw badMode(text);
    return () => mode;
  }
  const changes = text.split(",").map((clause) => parseClause(clause, text));
  return (mode, isFolder) => changes.reduce((current, change) => change(current, isFolder), mode);
}

function parseClause(clause: string, text: string): Change {
  const [, who = "", operator = "", what = ""] = /^([ugoa]*)([-+=])([rwxXst]*)$/.exec(clause) ?? [];
  if (operator === "") throw badMode(text);
  const classes = who === "" || who.includes("a") ? "ugo" : who;
  return (mode, isFolder) => {
    const bits = bitsOf(classes, what, mode, isFolder);
    if (operator === "+") return mode | bits;
    if (operator === "-") return mode & ~bits;
    return (mode & ~bitsOf(classes, "rwx", mode, isFolder)) | bits;
  };
}

const shifts: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

function bitsOf(classes: string, what: string, mode: number, isFolder: boolean): number {
  let bits = 0;
  for (const name of classes) {
    const shift = shifts[name] ?? 0;
    if (what.includes("r")) bits |= 4 << shift;
    if (what.includes("w")) bits |= 2 << shift;
    if (what.includes("x") || (what.includes("X") && (isFolder || (mode & 0o111) !== 0))) bits |= 1 << shift;
    if (what.includes("s") && name !== "o") bits |= name === "u" ? 0o4000 : 0o2000;
  }
  return what.includes("t") ? bits | 0o1000 : bits;
}

function badMode(text: string): Fault {
  return new Fault(
    "invalid",
    `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
  );
}
