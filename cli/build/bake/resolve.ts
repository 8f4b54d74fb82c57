import { Fault } from "#base/fault.ts";
import { type BakeDefinition, mergeTargets, type RawTarget } from "./bake-definition.ts";
import type { BakeTarget } from "./bake-target.ts";

export interface Resolved {
  /** Those that were asked for, groups taken apart. */
  readonly names: readonly string[];
  /** With those whose results others want. */
  readonly targets: Readonly<Record<string, BakeTarget>>;
  /** Groups that were asked for, and what they are of. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

/**
 * What is to be built, with inherited values and overrides filled in.
 *
 * @param wanted names of targets and groups
 * @param change what flags say about a target
 * @throws {Fault} `invalid` with bake's texts
 */
export function resolveTargets(
  definition: BakeDefinition,
  wanted: readonly string[],
  change: (name: string, target: BakeTarget, isAsked: boolean) => BakeTarget,
): Resolved {
  const { targets: raw } = definition;
  const groups = new Map([...definition.groups].map(([name, group]) => [name, group.targets ?? []]));
  const names = new Set<string>();
  const used: Record<string, readonly string[]> = {};
  const find = (name: string) => {
    const group = groups.get(name);
    if (group !== undefined && used[name] === undefined) {
      used[name] = group;
      for (const one of group) if (one !== name) find(one);
    }
    if (raw.has(name)) names.add(name);
    else if (group === undefined) throw new Fault("invalid", `failed to find target ${name}`);
  };
  for (const name of wanted) find(name);
  const targets: Record<string, BakeTarget> = {};
  const add = (name: string) => {
    if (targets[name] !== undefined) return;
    if (!raw.has(name)) throw new Fault("invalid", `failed to find target ${name}`);
    const target = change(name, filled(inherited(raw, name, [])), names.has(name));
    targets[name] = target;
    for (const value of Object.values(target.contexts ?? {}))
      if (value.startsWith("target:")) add(value.slice("target:".length));
  };
  for (const name of names) add(name);
  return { names: [...names], targets, groups: used };
}

function inherited(raw: ReadonlyMap<string, RawTarget>, name: string, below: readonly string[]): RawTarget {
  const own = raw.get(name);
  if (own === undefined) throw new Fault("invalid", `failed to find target ${name}`);
  if (below.includes(name)) throw new Fault("invalid", `infinite loop from ${[...below, name].join(" to ")}`);
  const parents = (own.inherits ?? []).map((parent) => inherited(raw, parent, [...below, name]));
  return [...parents, own].reduce((base, over) => mergeTargets(base, over), {});
}

function filled({ inherits: _inherits, ...target }: RawTarget): BakeTarget {
  const { args, ...rest } = target;
  const given = Object.entries(args ?? {}).filter(([, value]) => value !== null);
  return {
    context: ".",
    dockerfile: "Dockerfile",
    ...rest,
    ...(given.length > 0 && { args: Object.fromEntries(given) }),
  };
}
