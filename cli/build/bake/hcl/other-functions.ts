import { createHash, randomUUID } from "node:crypto";
import { homedir } from "node:os";
import { basename, dirname } from "node:path";
import { number, text, truth, whole } from "./arguments.ts";
import type { HclFunction } from "./evaluate.ts";
import type { HclValue } from "./syntax.ts";
import { addTime, formatDate } from "./times.ts";

const hash = (name: string) => (value: HclValue | undefined) =>
  createHash(name).update(text(value)).digest("hex");

/** @see RFC 9562, section 5.5 */
function uuidV5(space: string, name: string): string {
  const spaces: Readonly<Record<string, string>> = {
    dns: "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    url: "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
    oid: "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
    x500: "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
  };
  const bytes = Buffer.from((spaces[space] ?? space).replaceAll("-", ""), "hex");
  if (bytes.length !== 16) throw new Error(`uuidv5() doesn't support namespace ${space}`);
  const made = createHash("sha1").update(bytes).update(name).digest().subarray(0, 16);
  made[6] = ((made[6] ?? 0) & 0x0f) | 0x50;
  made[8] = ((made[8] ?? 0) & 0x3f) | 0x80;
  return made.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function csv(value: string): HclValue {
  const [names = [], ...rows] = [...value.matchAll(/(?:^|\n)([^\n]+)/g)].map(([, line = ""]) =>
    fieldsOf(line.replace(/\r$/, "")),
  );
  return rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at] ?? ""])));
}

function fieldsOf(line: string): readonly string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, bare = ""]) =>
    quoted === undefined ? bare : quoted.replaceAll('""', '"'),
  );
}

/** Functions of bake's files about numbers, encodings, times and paths. @see Docker docs, "Bake standard library functions" */
export const otherFunctions: Readonly<Record<string, HclFunction>> = {
  absolute: ([a]) => Math.abs(number(a)),
  add: ([a, b]) => number(a) + number(b),
  and: ([a, b]) => truth(a) && truth(b),
  base64decode: ([a]) => Buffer.from(text(a), "base64").toString("utf8"),
  base64encode: ([a]) => Buffer.from(text(a)).toString("base64"),
  basename: ([a]) => basename(text(a)) || ".",
  ceil: ([a]) => Math.ceil(number(a)),
  csvdecode: ([a]) => csv(text(a)),
  dirname: ([a]) => dirname(text(a)),
  divide: ([a, b]) => number(a) / number(b),
  floor: ([a]) => Math.floor(number(a)),
  formatdate: ([a, b]) => formatDate(text(a), text(b)),
  greaterthan: ([a, b]) => number(a) > number(b),
  greaterthanorequalto: ([a, b]) => number(a) >= number(b),
  homedir: () => homedir(),
  int: ([a]) => Math.trunc(number(a)),
  jsondecode: ([a]) => JSON.parse(text(a)) as HclValue,
  jsonencode: ([a = null]) => JSON.stringify(a),
  lessthan: ([a, b]) => number(a) < number(b),
  lessthanorequalto: ([a, b]) => number(a) <= number(b),
  log: ([a, b]) => Math.log(number(a)) / Math.log(number(b)),
  max: (all) => Math.max(...all.map(number)),
  md5: ([a]) => hash("md5")(a),
  min: (all) => Math.min(...all.map(number)),
  modulo: ([a, b]) => number(a) % number(b),
  multiply: ([a, b]) => number(a) * number(b),
  negate: ([a]) => -number(a),
  not: ([a]) => !truth(a),
  or: ([a, b]) => truth(a) || truth(b),
  pow: ([a, b]) => number(a) ** number(b),
  sha1: ([a]) => hash("sha1")(a),
  sha256: ([a]) => hash("sha256")(a),
  sha512: ([a]) => hash("sha512")(a),
  signum: ([a]) => Math.sign(whole(a)),
  subtract: ([a, b]) => number(a) - number(b),
  timeadd: ([a, b]) => addTime(text(a), text(b)),
  timestamp: () => new Date().toISOString().replace(/\.\d+Z$/, "Z"),
  unixtimestampparse: ([a]) => unixTime(number(a)),
  urlencode: ([a]) => encodeURIComponent(text(a)).replaceAll("%20", "+"),
  uuidv4: () => randomUUID(),
  uuidv5: ([a, b]) => uuidV5(text(a), text(b)),
  try: () => null,
  can: () => null,
};

function unixTime(seconds: number): HclValue {
  const at = new Date(seconds * 1000);
  return {
    year: at.getUTCFullYear(),
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
    weekday: at.getUTCDay(),
    rfc3339: at.toISOString().replace(/\.\d+Z$/, "Z"),
  };
}
