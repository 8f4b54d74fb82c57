import { goJson } from "#base/go-json.ts";
import type { BakeTarget } from "./bake-target.ts";

/** In the order in which bake prints them. */
const order: readonly (keyof BakeTarget)[] = [
  "annotations",
  "attest",
  "context",
  "contexts",
  "dockerfile",
  "dockerfile-inline",
  "args",
  "labels",
  "tags",
  "cache-from",
  "cache-to",
  "target",
  "secret",
  "ssh",
  "platforms",
  "output",
  "pull",
  "no-cache",
  "network",
  "no-cache-filter",
  "shm-size",
  "ulimits",
  "call",
  "entitlements",
  "extra-hosts",
  "description",
];

/** Targets and groups as JSON that bake reads. */
export function bakeFile(
  targets: Readonly<Record<string, BakeTarget>>,
  names: readonly string[],
  groups: Readonly<Record<string, readonly string[]>> = {},
): string {
  const all = { default: names, ...groups };
  const group = Object.fromEntries(sorted(all).map(([name, list]) => [name, { targets: list }]));
  const target = Object.fromEntries(sorted(targets).map(([name, one]) => [name, printed(one)]));
  return goJson({ group, target: mapTexts(target, escaped) }, 2);
}

function printed(target: BakeTarget): object {
  return Object.fromEntries(
    order.flatMap((key) => {
      const value = target[key];
      if (value === undefined) return [];
      const isMap = typeof value === "object" && !Array.isArray(value);
      return [[key, isMap ? Object.fromEntries(sorted(value as Record<string, unknown>)) : value]];
    }),
  );
}

function sorted<T>(values: Readonly<Record<string, T>>): readonly (readonly [string, T])[] {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((one) => mapTexts(one, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapTexts(one, change)]));
}

/** So that bake reads it as it is. */
function escaped(text: string): string {
  return text.replaceAll(/[$%]\{/g, (sign) => `${sign[0]}${sign}`);
}
