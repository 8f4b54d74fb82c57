import { existsSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve } from "node:path";
import { csvFields } from "../options/csv-fields.ts";
import type { BakeTarget, Fields } from "./bake-target.ts";

/** What a bake file may make a user's machine do, and was not told to. */
export interface Missing {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly others: readonly string[];
}

/** What targets want of the machine beyond the folder that bake runs in, and `--allow` does not give. */
export function missingEntitlements(
  targets: readonly BakeTarget[],
  allowed: readonly string[],
  folder: string,
): Missing {
  const rights = rightsOf(allowed);
  const outside = (path: string, places: readonly string[]) =>
    ![folder, ...places].some(
      (place) => place === "*" || isBelow(realPath(resolve(folder, path)), realPath(resolve(folder, place))),
    );
  const reads = new Set(targets.flatMap(readsOf).filter((path) => outside(path, rights.reads)));
  const writes = new Set(targets.flatMap(writesOf).filter((path) => outside(path, rights.writes)));
  const others = new Set(targets.flatMap(othersOf).filter((name) => !rights.others.has(name)));
  return { reads: [...reads].sort(), writes: [...writes].sort(), others: [...others].sort() };
}

function rightsOf(allowed: readonly string[]) {
  const values = (key: string) =>
    allowed.filter((text) => text.startsWith(`${key}=`)).map((text) => text.slice(key.length + 1));
  return {
    reads: [...values("fs.read"), ...values("fs")],
    writes: [...values("fs.write"), ...values("fs")],
    others: new Set(allowed.filter((text) => !text.startsWith("fs"))),
  };
}

function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (!way.startsWith("..") && !isAbsolute(way));
}

/** Without links, also of what is not there yet. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const above = dirname(path);
  return above === path ? path : `${realPath(above)}${path.slice(above === "/" ? 0 : above.length)}`;
}

const isLocal = (value: string) => !/^(\w[\w+.-]*:\/\/|git@|target:|docker-image:|-$)/.test(value);

function readsOf(target: BakeTarget): readonly string[] {
  const { context = ".", contexts = {}, secret = [], dockerfile = "Dockerfile" } = target;
  const files = secret.flatMap((one) => fieldOf(one, "src") ?? fieldOf(one, "source") ?? []);
  const caches = (target["cache-from"] ?? []).flatMap((one) => fieldOf(one, "src") ?? []);
  const own = isLocal(context) ? [context] : [];
  const apart = isAbsolute(dockerfile) ? [dirname(dockerfile)] : [];
  return [...own, ...apart, ...Object.values(contexts), ...files, ...caches].filter(isLocal);
}

function writesOf(target: BakeTarget): readonly string[] {
  const outputs = (target.output ?? []).flatMap((one) => destinationIn(one) ?? []);
  const caches = (target["cache-to"] ?? []).flatMap((one) => fieldOf(one, "dest") ?? []);
  return [...outputs, ...caches].filter(isLocal);
}

function destinationIn(output: Fields): string | undefined {
  return typeof output === "string" && !output.includes("=") ? output : fieldOf(output, "dest");
}

function othersOf({ network, entitlements = [], ssh = [] }: BakeTarget): readonly string[] {
  return [
    ...entitlements,
    ...(network === "host" ? ["network.host"] : []),
    ...(ssh.length > 0 ? ["ssh"] : []),
  ];
}

function fieldOf(fields: Fields, key: string): string | undefined {
  if (typeof fields !== "string") return fields[key];
  return csvFields(fields)
    .find((field) => field.startsWith(`${key}=`))
    ?.slice(key.length + 1);
}

/** The question that bake asks; empty when nothing is missing. */
export function describeMissing({ reads, writes, others }: Missing, command: readonly string[]): string {
  const lines = [
    ...others.map((name) => ` - ${otherTexts[name] ?? name}`),
    ...reads.map((path) => ` - Read access to path ${path}`),
    ...writes.map((path) => ` - Write access to path ${path}`),
  ];
  if (lines.length === 0) return "";
  const flags = [
    ...others.map((name) => `--allow=${name}`),
    ...reads.map((path) => `--allow=fs.read=${path}`),
    ...writes.map((path) => `--allow=fs.write=${path}`),
  ];
  const [program = "", ...rest] = command;
  const at = rest.indexOf("bake") + 1;
  const whole = [program, ...rest.slice(0, at), ...flags, ...rest.slice(at)].join(" ");
  return `Your build is requesting privileges for following possibly insecure capabilities:

${lines.join("\n")}

Pass ${JSON.stringify(flags.join(" "))} to grant requested privileges.

Your full command with requested privileges:

${whole}
${reads.length + writes.length > 0 ? "\nTo disable filesystem entitlements checks, you can set BUILDX_BAKE_ENTITLEMENTS_FS=0 .\n" : ""}
`;
}

const otherTexts: Readonly<Record<string, string>> = {
  "network.host": "Running build containers that can access host network",
  "security.insecure": "Running privileged containers that can make system changes",
  ssh: "Forwarding default SSH agent socket",
};
