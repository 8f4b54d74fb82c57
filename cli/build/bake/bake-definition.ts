import type { BakeTarget } from "./bake-target.ts";
import type { BakeVariable } from "./hcl/bake-scope.ts";

/** What bake files say, together. */
export interface BakeDefinition {
  readonly variables: ReadonlyMap<string, BakeVariable>;
  readonly groups: ReadonlyMap<string, BakeGroup>;
  readonly targets: ReadonlyMap<string, RawTarget>;
}

export interface BakeGroup {
  readonly targets?: readonly string[];
  readonly description?: string;
}

/** As files have it: what it inherits is not filled in yet. */
export interface RawTarget extends BakeTarget {
  readonly inherits?: readonly string[];
}

export const emptyDefinition: BakeDefinition = {
  variables: new Map(),
  groups: new Map(),
  targets: new Map(),
};

/** A later file adds to the ones before it. */
export function mergeDefinitions(base: BakeDefinition, over: BakeDefinition): BakeDefinition {
  const targets = new Map(base.targets);
  for (const [name, target] of over.targets) targets.set(name, mergeTargets(targets.get(name) ?? {}, target));
  return {
    variables: new Map([...base.variables, ...over.variables]),
    groups: new Map([...base.groups, ...over.groups]),
    targets,
  };
}

const mapFields = ["args", "labels", "contexts", "extra-hosts"] as const;
const growingFields = ["attest", "entitlements", "annotations"] as const;

/** Maps are put together, a few lists grow, and everything else is replaced. */
export function mergeTargets(base: RawTarget, over: RawTarget): RawTarget {
  const grown: Record<string, unknown> = {};
  for (const key of mapFields)
    if (base[key] !== undefined && over[key] !== undefined) grown[key] = { ...base[key], ...over[key] };
  for (const key of growingFields)
    if (base[key] !== undefined && over[key] !== undefined) grown[key] = [...base[key], ...over[key]];
  return { ...base, ...over, ...grown };
}
