import { Fault } from "#base/fault.ts";
import { parseBytes } from "../../options/quantities.ts";
import type { BakeTarget } from "./bake-target.ts";

/** `--set PATTERN.key[.name][+]=value`. */
export interface Override {
  readonly pattern: string;
  readonly key: string;
  /** Of an entry in a map. */
  readonly name: string | undefined;
  readonly value: string;
  readonly isAdded: boolean;
}

/** @throws {Fault} `invalid` with bake's texts */
export function parseOverride(text: string, env: Readonly<Record<string, string | undefined>>): Override {
  const [, left = text, plus, given] = /^(.*?)(\+)?=(.*)$/s.exec(text) ?? [];
  const [pattern = "", key, ...rest] = left.split(".");
  if (key === undefined || key === "")
    throw new Fault("invalid", `invalid override key ${left}, expected target.name`);
  const name = rest.length === 0 ? undefined : rest.join(".");
  const own = name === undefined ? undefined : env[name];
  if (given === undefined && !(key === "args" && own !== undefined))
    throw new Fault("invalid", `invalid override ${text}, expected target.name=value`);
  return { pattern, key, name, value: given ?? own ?? "", isAdded: plus !== undefined };
}

const maps: ReadonlySet<string> = new Set(["args", "labels", "contexts", "extra-hosts"]);
const bools: ReadonlySet<string> = new Set(["no-cache", "pull"]);
const texts: ReadonlySet<string> = new Set([
  "context",
  "dockerfile",
  "target",
  "network",
  "call",
  "shm-size",
]);
/** Lists by what they are called here, and there. */
const lists: Readonly<Record<string, keyof BakeTarget>> = {
  annotations: "annotations",
  attest: "attest",
  "cache-from": "cache-from",
  "cache-to": "cache-to",
  entitlements: "entitlements",
  "no-cache-filter": "no-cache-filter",
  output: "output",
  platform: "platforms",
  secrets: "secret",
  ssh: "ssh",
  tags: "tags",
  ulimits: "ulimits",
};

/** The target as overrides change it; several of a list's key are its values. @throws {Fault} `invalid` with bake's texts */
export function overridden(name: string, target: BakeTarget, overrides: readonly Override[]): BakeTarget {
  const changed: Record<string, unknown> = { ...target };
  const replaced = new Set<string>();
  for (const { pattern, key, name: entry, value, isAdded } of overrides) {
    if (!isLike(pattern, name)) continue;
    const list = lists[key];
    if (maps.has(key)) {
      if (entry === undefined) throw new Fault("invalid", `invalid key ${key}, expected ${key}.NAME`);
      changed[key] = { ...(changed[key] as object | undefined), [entry]: value };
    } else if (list !== undefined) {
      const keeps = isAdded || replaced.has(key);
      replaced.add(key);
      changed[list] = [...(keeps ? ((changed[list] as readonly unknown[] | undefined) ?? []) : []), value];
    } else if (bools.has(key)) changed[key] = boolOf(key, value);
    else if (key === "push" || key === "load") {
      if (boolOf(key, value))
        changed["output"] = outputsWith(target, key === "push" ? "type=image,push=true" : "type=docker");
    } else if (texts.has(key)) changed[key] = key === "shm-size" ? String(parseBytes(value)) : value;
    else throw new Fault("invalid", `unknown key: ${key}`);
  }
  return changed;
}

/** `*` in a pattern stands for any text. */
export function isLike(pattern: string, name: string): boolean {
  const expression = pattern
    .split("*")
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join(".*");
  return new RegExp(`^${expression}$`).test(name);
}

function boolOf(key: string, value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new Fault("invalid", `invalid value ${value} for boolean key ${key}`);
}

/** Where a result goes as well; one that goes to files only is left as it is. */
export function outputsWith(target: BakeTarget, output: string): NonNullable<BakeTarget["output"]> {
  const before = target.output ?? [];
  const isFiles = before.some((one) =>
    /^(type=)?(local|tar)/.test(typeof one === "string" ? one : (one["type"] ?? "")),
  );
  return isFiles ? before : [...before.filter((one) => one !== "type=cacheonly"), output];
}
