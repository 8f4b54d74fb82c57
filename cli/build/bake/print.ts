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
  return JSON.stringify({ group, target }, undefined, 2);
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
