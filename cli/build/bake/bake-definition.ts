import { Fault } from "#base/fault.ts";
import type { BakeTarget } from "./bake-target.ts";

/** What bake files say, together. */
export interface BakeDefinition {
  readonly variables: ReadonlyMap<string, BakeVariable>;
  readonly groups: ReadonlyMap<string, BakeGroup>;
  readonly targets: ReadonlyMap<string, RawTarget>;
}

interface BakeVariable {
  readonly default?: unknown;
  readonly description?: string;
}

export interface BakeGroup {
  readonly targets?: readonly string[];
  readonly description?: string;
}

/** As a file has it: what it inherits is not filled in yet. */
export interface RawTarget extends BakeTarget {
  readonly inherits?: readonly string[];
  readonly matrix?: Readonly<Record<string, readonly unknown[]>>;
  readonly name?: string;
}

interface BakeFile {
  readonly variable?: Readonly<Record<string, BakeVariable | null>>;
  readonly group?: Readonly<Record<string, BakeGroup>>;
  readonly target?: Readonly<Record<string, RawTarget>>;
  readonly function?: unknown;
}

export const emptyDefinition: BakeDefinition = {
  variables: new Map(),
  groups: new Map(),
  targets: new Map(),
};

/** @throws {Fault} `invalid` for what is no JSON, `not-implemented` for HCL's functions */
export function parseBakeJson(text: string, file: string): BakeDefinition {
  let content: BakeFile;
  try {
    content = JSON.parse(text) as BakeFile;
  } catch (error) {
    throw new Fault("invalid", `failed to parse ${file}: ${(error as Error).message}`);
  }
  if (typeof content !== "object" || content === null || Array.isArray(content))
    throw new Fault("invalid", `failed to parse ${file}: it is no object`);
  if (content.function !== undefined)
    throw new Fault("not-implemented", `${file}: HCL is not supported, and so are functions`);
  return {
    variables: new Map(Object.entries(content.variable ?? {}).map(([name, value]) => [name, value ?? {}])),
    groups: new Map(Object.entries(content.group ?? {})),
    targets: new Map(Object.entries(content.target ?? {})),
  };
}

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
