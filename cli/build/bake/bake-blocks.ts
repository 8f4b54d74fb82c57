import { BakeScope } from "./hcl/bake-scope.ts";
import { evaluate, isList, isObject, type Scope, textOf, within } from "./hcl/evaluate.ts";
import { parseHcl, parseHclJson } from "./hcl/parse-body.ts";
import { hclProblem } from "./hcl/problem.ts";
import type {
  HclAttribute,
  HclBlock,
  HclBody,
  HclObject,
  HclRange,
  HclSource,
  HclValue,
} from "./hcl/syntax.ts";
import { type BakeDefinition, type BakeGroup, mergeTargets, type RawTarget } from "./bake-definition.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** The kinds of what a target has. Anything else in a target is nothing to bake. */
const texts = [
  "context",
  "dockerfile",
  "dockerfile-inline",
  "target",
  "network",
  "call",
  "shm-size",
  "description",
];
const textLists = [
  "inherits",
  "annotations",
  "tags",
  "platforms",
  "no-cache-filter",
  "ulimits",
  "entitlements",
];
const maps = ["args", "labels", "contexts", "extra-hosts"];
const fieldLists = ["attest", "cache-from", "cache-to", "secret", "ssh", "output"];
const bools = ["pull", "no-cache"];

/**
 * What bake's own files say, in HCL or JSON: all of them see each other's variables and functions, and a later one adds to
 * targets of those before it.
 *
 * @param builtIn variables that bake itself has
 * @throws {Fault} `invalid` in bake's words, with the place in the file
 */
export function readBlocks(sources: readonly HclSource[], env: Env, builtIn: HclObject): BakeDefinition {
  const bodies = sources.map((source) => (isJson(source) ? parseHclJson(source) : parseHcl(source)));
  const scope = new BakeScope(bodies, env, builtIn);
  const blocks = bodies.flatMap((body) => body.blocks);
  const targets = new Map<string, RawTarget>();
  const groups = new Map<string, BakeGroup>();
  const see = withTargets(scope, blocks);
  for (const block of blocks) {
    if (block.type === "group") groups.set(labelOf(block), groupOf(block, see));
    if (block.type !== "target") continue;
    const made = targetsOf(block, see);
    for (const [name, target] of made) targets.set(name, mergeTargets(targets.get(name) ?? {}, target));
    if (block.body.attributes.has("matrix"))
      groups.set(labelOf(block), { targets: made.map(([name]) => name) });
  }
  return { variables: scope.variables(), groups, targets };
}

function isJson({ name, text }: HclSource): boolean {
  return name.endsWith(".json") || (!name.endsWith(".hcl") && text.trimStart().startsWith("{"));
}

const validName = /^[a-zA-Z0-9_-]+$/;

function labelOf({ labels, range }: HclBlock): string {
  const [name = ""] = labels;
  if (validName.test(name)) return name;
  throw hclProblem(range, "Invalid name", 'only "^[a-zA-Z0-9_-]+$" are allowed');
}

function groupOf({ body }: HclBlock, scope: Scope): BakeGroup {
  const read = (name: string) => valueOf(body, name, scope);
  const [targets, description] = [read("targets"), read("description")];
  return {
    ...(targets !== undefined && { targets: targets.value === null ? [] : listOf(targets, textOf) }),
    ...(description !== undefined && { description: textOf(description.value, description.range) }),
  };
}

interface Read {
  readonly value: HclValue;
  readonly range: HclRange;
}

/** Undefined when it is not there. */
function valueOf({ attributes }: HclBody, name: string, scope: Scope): Read | undefined {
  const attribute = attributes.get(name);
  if (attribute === undefined) return undefined;
  const { range } = attribute.value;
  return { value: evaluate(attribute.value, scope), range };
}

function listOf<T>({ value, range }: Read, convert: (one: HclValue, range: HclRange) => T): readonly T[] {
  if (!isList(value))
    throw hclProblem(range, "Unsuitable value type", "Unsuitable value: list of string required");
  return value.filter((one) => one !== null).map((one) => convert(one, range));
}

/** One, or one for each combination of the values of its matrix. */
function targetsOf(block: HclBlock, scope: Scope): readonly (readonly [string, RawTarget])[] {
  const { body, range } = block;
  const matrix = valueOf(body, "matrix", scope);
  const label = labelOf(block);
  if (matrix === undefined) {
    const name = body.attributes.get("name");
    if (name !== undefined)
      throw hclProblem(
        name.range,
        "Invalid attribute",
        "Name and labels are only valid for a target with a matrix",
      );
    return [[label, targetOf(body, scope)]];
  }
  if (!isObject(matrix.value))
    throw hclProblem(matrix.range, "Unsuitable value type", "Unsuitable value: map of list required");
  return combinations(matrix.value, matrix.range).map((values) => {
    const inner = within(scope, values);
    const name = valueOf(body, "name", inner);
    if (name === undefined)
      throw hclProblem(range, "Missing attribute", "a matrix needs a name for each of its targets");
    const text = textOf(name.value, name.range);
    if (!validName.test(text))
      throw hclProblem(name.range, "Invalid name", 'only "^[a-zA-Z0-9_-]+$" are allowed');
    return [text, targetOf(body, inner)];
  });
}

function combinations(matrix: HclObject, range: HclRange): readonly ReadonlyMap<string, HclValue>[] {
  const names = Object.keys(matrix).sort();
  return names.reduce<readonly ReadonlyMap<string, HclValue>[]>(
    (made, name) => {
      const values = matrix[name] ?? null;
      if (!isList(values))
        throw hclProblem(range, "Unsuitable value type", `Unsuitable value: the matrix's ${name} is no list`);
      return values.flatMap((value) => made.map((before) => new Map([...before, [name, value]])));
    },
    [new Map()],
  );
}

function targetOf(body: HclBody, scope: Scope): RawTarget {
  const target: Record<string, unknown> = {};
  for (const [kinds, convert] of conversions)
    for (const name of kinds) {
      const read = valueOf(body, name, scope);
      if (read !== undefined && read.value !== null) target[name] = convert(read);
    }
  return target;
}

const conversions: readonly (readonly [readonly string[], (read: Read) => unknown])[] = [
  [texts, ({ value, range }) => textOf(value, range)],
  [textLists, (read) => listOf(read, textOf)],
  [maps, textMap],
  [fieldLists, (read) => listOf(read, fieldsOf)],
  [bools, ({ value, range }) => truthOf(value, range)],
];

function textMap({ value, range }: Read): Readonly<Record<string, string | null>> {
  if (!isObject(value))
    throw hclProblem(range, "Unsuitable value type", "Unsuitable value: map of string required");
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, one === null ? null : textOf(one, range)]),
  );
}

/** A line of fields, or fields; an agent's paths are a list. */
function fieldsOf(value: HclValue, range: HclRange): unknown {
  if (!isObject(value)) return textOf(value, range);
  const given = Object.entries(value).filter(([, one]) => one !== null && one !== "");
  return Object.fromEntries(
    given.map(([name, one]) => [
      name,
      isList(one) ? one.map((item) => textOf(item, range)) : textOf(one, range),
    ]),
  );
}

function truthOf(value: HclValue, range: HclRange): boolean {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "false") return value === "true";
  throw hclProblem(range, "Unsuitable value type", "Unsuitable value: a bool is required");
}

/** `target.NAME.ATTRIBUTE` is what that target's block says. */
function withTargets(scope: Scope, blocks: readonly HclBlock[]): Scope {
  const own = new Map<string, Map<string, HclAttribute>>();
  for (const { type, labels, body } of blocks) {
    const [name = ""] = labels;
    if (type === "target" && !body.attributes.has("matrix"))
      own.set(name, new Map([...(own.get(name) ?? []), ...body.attributes]));
  }
  const pending = new Set<string>();
  const see: Scope = {
    call: (name) => scope.call(name),
    variable(name) {
      const value = scope.variable(name);
      return value === undefined && name === "target" ? all() : value;
    },
  };
  const read = (target: string, name: string, { value }: HclAttribute): HclValue => {
    const key = `target.${target}.${name}`;
    if (pending.has(key))
      throw hclProblem(value.range, "Invalid expression", `variable cycle not allowed for ${key}`);
    pending.add(key);
    try {
      return evaluate(value, see);
    } finally {
      pending.delete(key);
    }
  };
  const all = () =>
    lazily(
      [...own].map(([target, attributes]) => [
        target,
        () => lazily([...attributes].map(([name, one]) => [name, () => read(target, name, one)])),
      ]),
    );
  return see;
}

/** An object whose values are made when they are asked for. */
function lazily(entries: readonly (readonly [string, () => HclValue])[]): HclObject {
  return Object.defineProperties(
    {},
    Object.fromEntries(entries.map(([name, get]) => [name, { get, enumerable: true }])),
  ) as HclObject;
}
