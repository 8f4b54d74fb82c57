import { Fault } from "#base/fault.ts";
import { type BakeDefinition, mergeTargets, type RawTarget } from "./bake-definition.ts";
import type { BakeTarget } from "./bake-target.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface Resolved {
  /** Those that were asked for, groups taken apart. */
  readonly names: readonly string[];
  /** With those whose results others want. */
  readonly targets: Readonly<Record<string, BakeTarget>>;
  /** Groups that were asked for, and what they are of. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

/**
 * What is to be built, with inherited values, variables and overrides filled in.
 *
 * @param wanted names of targets and groups
 * @param change what flags say about a target
 * @throws {Fault} `invalid` with bake's texts
 */
export function resolveTargets(
  definition: BakeDefinition,
  wanted: readonly string[],
  env: Env,
  change: (name: string, target: BakeTarget, isAsked: boolean) => BakeTarget,
): Resolved {
  const variables = variablesOf(definition, env);
  const { targets: raw, groups } = expandMatrices(definition, variables);
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
    const target = change(name, filled(inherited(raw, name, []), variables), names.has(name));
    targets[name] = target;
    for (const value of Object.values(target.contexts ?? {}))
      if (value.startsWith("target:")) add(value.slice("target:".length));
  };
  for (const name of names) add(name);
  return { names: [...names], targets, groups: used };
}

/** Variables of files, as the environment or their defaults have them. */
export function variablesOf({ variables }: BakeDefinition, env: Env): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, { default: usual }] of variables) {
    const value = env[name] ?? textOf(usual);
    found.set(name, interpolate(value, found));
  }
  return found;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function inherited(raw: ReadonlyMap<string, RawTarget>, name: string, below: readonly string[]): RawTarget {
  const own = raw.get(name);
  if (own === undefined) throw new Fault("invalid", `failed to find target ${name}`);
  if (below.includes(name)) throw new Fault("invalid", `infinite loop from ${[...below, name].join(" to ")}`);
  const parents = (own.inherits ?? []).map((parent) => inherited(raw, parent, [...below, name]));
  return [...parents, own].reduce((base, over) => mergeTargets(base, over), {});
}

function filled(
  { inherits: _inherits, matrix: _matrix, name: _name, ...target }: RawTarget,
  variables: ReadonlyMap<string, string>,
): BakeTarget {
  const { args, ...rest } = target;
  const given = Object.entries(args ?? {}).filter(([, value]) => value !== null);
  const whole: BakeTarget = {
    context: ".",
    dockerfile: "Dockerfile",
    ...rest,
    ...(given.length > 0 && { args: Object.fromEntries(given) }),
  };
  return mapTexts(whole, (text) => interpolate(text, variables)) as BakeTarget;
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((one) => mapTexts(one, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapTexts(one, change)]));
}

/**
 * `${NAME}` is a variable's value, `$${` a plain `${`.
 *
 * @throws {Fault} `not-implemented` for other expressions of HCL
 */
function interpolate(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$\$\{|%%\{|\$\{([^}]*)\}/g, (whole, expression: string | undefined) => {
    if (expression === undefined) return whole.slice(1);
    const name = expression.trim();
    if (!/^[A-Za-z_][\w-]*$/.test(name))
      throw new Fault("not-implemented", `expressions of HCL are not supported: ${whole}`);
    const value = variables.get(name);
    if (value === undefined)
      throw new Fault("invalid", `There is no variable named ${JSON.stringify(name)}.`);
    return value;
  });
}

interface Expanded {
  readonly targets: ReadonlyMap<string, RawTarget>;
  readonly groups: ReadonlyMap<string, readonly string[]>;
}

/** A target with a matrix is a group of one for each combination of its values. */
function expandMatrices(definition: BakeDefinition, variables: ReadonlyMap<string, string>): Expanded {
  const targets = new Map<string, RawTarget>();
  const groups = new Map([...definition.groups].map(([name, group]) => [name, group.targets ?? []]));
  for (const [name, { matrix, ...target }] of definition.targets) {
    if (matrix === undefined) {
      targets.set(name, target);
      continue;
    }
    const made: string[] = [];
    for (const values of combinations(matrix)) {
      const all = new Map([...variables, ...values]);
      if (target.name === undefined) throw new Fault("invalid", `target ${name}: a matrix needs a name`);
      const own = interpolate(target.name, all);
      targets.set(own, mapTexts(target, (text) => interpolateKnown(text, values)) as RawTarget);
      made.push(own);
    }
    groups.set(name, made);
  }
  return { targets, groups };
}

function* combinations(
  matrix: Readonly<Record<string, readonly unknown[]>>,
): Generator<ReadonlyMap<string, string>> {
  const [first, ...rest] = Object.entries(matrix);
  if (first === undefined) return yield new Map();
  const [name, values] = first;
  for (const value of values)
    for (const others of combinations(Object.fromEntries(rest)))
      yield new Map([[name, String(value)], ...others]);
}

/** Only these; other variables are filled in later. */
function interpolateKnown(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(/(\$?)\$\{\s*([A-Za-z_][\w-]*)\s*\}/g, (whole, plain: string, name: string) =>
    plain === "" ? (values.get(name) ?? whole) : whole,
  );
}
